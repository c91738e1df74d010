#include "runner/library/engine_options.hpp"

#include "runner/pool/cpus.hpp"

namespace drover::detail {

EngineOptions engine_options(const Options& options, int image) {
  EngineOptions engine;
  engine.cpus = usable_cpus();
  engine.workers = options.workers != 0 ? options.workers : engine.cpus;
  engine.image_fd = image;
  engine.worker_program = options.worker_program.empty() ? "drover-worker" : options.worker_program;
  engine.function_worker_args = {"--seed", std::to_string(options.seed)};
  if (options.memory_limit_per_worker != 0)
    engine.function_worker_args.insert(engine.function_worker_args.end(),
                                       {"--memory-limit", std::to_string(options.memory_limit_per_worker)});
  engine.plugins = options.plugins;
  engine.restart = {options.restart.intensity, options.restart.period, options.restart.first_delay,
                    options.restart.most_delay};
  engine.spin = options.spin ? EngineOptions::Spin::Auto : EngineOptions::Spin::Off;
  engine.most_tasks_per_worker = options.max_tasks_per_worker;
  engine.grace = options.grace;
  engine.kill_grace = options.kill_grace;
  return engine;
}

}  // namespace drover::detail
