// Many runs of a simulation, each with other parameters, and a line that shows how far they are.
#include <drover/drover.hpp>

#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

using namespace std::chrono_literals;

struct Parameters {  // travels as it is: no macro, no base class
  double drift = 0, noise = 0;
  int walkers = 0;
};

struct Estimate {
  double mean = 0, deviation = 0;
};

Estimate simulate(const Parameters& parameters, drover::Context& context) {
  std::mt19937_64 random(context.seed());  // the same numbers in each run, whatever worker has the task
  std::normal_distribution<double> step(parameters.drift, parameters.noise);
  double sum = 0, squares = 0;
  for (int walker = 0; walker < parameters.walkers && !context.stop_requested(); ++walker) {
    double place = 0;
    for (int i = 0; i < 1000; ++i) place += step(random);
    sum += place;
    squares += place * place;
    context.progress(static_cast<std::uint64_t>(walker) + 1, static_cast<std::uint64_t>(parameters.walkers));
  }
  const double mean = sum / parameters.walkers;
  return {mean, std::sqrt(squares / parameters.walkers - mean * mean)};
}

void show(const std::vector<drover::TaskHandle<Estimate>>& runs) {
  std::string line;
  for (const auto& run : runs) {
    const auto at = run.progress();
    const auto percent = run.ready() ? 100 : at && at->total != 0 ? at->done * 100 / at->total : 0;
    line += ' ' + std::to_string(percent) + '%';
  }
  std::fprintf(stderr, "\r%s", line.c_str());
}

int main(int argc, char** argv) {
  if (auto exit_code = drover::worker_main(argc, argv)) return *exit_code;
  drover::Coordinator coordinator;

  std::vector<Parameters> sweep;
  for (const double drift : {0.0, 0.1, 0.2})
    for (const double noise : {0.5, 1.0}) sweep.push_back({drift, noise, 2000});
  std::vector<drover::TaskHandle<Estimate>> runs;
  for (const Parameters& each : sweep)
    runs.push_back(coordinator.submit<&simulate>(each, {.timeout = 10min, .retries = 1}));

  for (const auto& run : runs)
    while (!run.wait_for(100ms)) show(runs);
  show(runs);
  std::fputc('\n', stderr);

  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Estimate found = runs[i].get();
    const double expected = 1000 * sweep[i].drift, spread = sweep[i].noise * std::sqrt(1000);
    const bool right =
        std::abs(found.mean - expected) < spread / 4 && std::abs(found.deviation / spread - 1) < 0.25;
    std::printf("drift %.1f noise %.1f: %s\n", sweep[i].drift, sweep[i].noise,
                right ? "as the theory says" : "not as the theory says");
  }
}
