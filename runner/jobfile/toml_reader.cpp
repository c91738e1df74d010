#include "runner/jobfile/toml_reader.hpp"

#include "common/check.hpp"
#include "runner/jobfile/function_check.hpp"
#include "runner/jobfile/job_keys.hpp"
#include "runner/jobfile/links.hpp"
#include "runner/jobfile/shell_words.hpp"
#include "runner/jobfile/toml_values.hpp"
#include "runner/jobfile/worker_count.hpp"

namespace drover {
namespace {

struct Shell {
  ShellChoice choice = ShellChoice::Auto;
  std::string program;
};

// The keys that [defaults] and a task share.
struct Policy {
  std::optional<Duration> timeout;
  std::optional<Duration> grace;
  std::optional<std::uint32_t> retries;
  std::optional<Shell> shell;
  std::string cwd;
  Environment env;
};

class TomlReader {
 public:
  TomlReader(const std::string& file, const JobOptions& options, Job& job,
             std::vector<Diagnostic>& diagnostics)
      : values_(file, diagnostics), file_(file), options_(options), job_(job), diagnostics_(diagnostics) {}

  void read(const toml::table& root) {
    check_keys(root, KeyPlace::Top);
    if (const auto* node = root.get("name")) values_.read_string(*node, "`name`", job_.name);
    if (const auto* node = root.get("workers")) read_workers(*node);
    if (const auto* node = root.get("halt")) read_halt(*node);
    read_defaults(root.get("defaults"));
    if (const auto* node = root.get("task")) read_tasks(*node);
    link_tasks(afters_, names_, job_.tasks, file_, diagnostics_);
  }

 private:
  void check_keys(const toml::table& table, KeyPlace place) {
    for (const auto& [key, node] : table) {
      if (auto mistake = key_mistake(place, key.str()))
        values_.complain(key.source().begin, std::move(*mistake));
    }
  }

  void read_workers(const toml::node& node) {
    auto text = values_.read_spelling(node, "`workers`", "a number, or a string such as \"50%\" or \"-1\"");
    if (!text) return;
    // Only the spelling is judged here: how many CPUs there are is known to others.
    if (const auto count = parse_worker_count(*text, 1); !count)
      return values_.complain(node, count.mistake());
    job_.workers = std::move(text);
  }

  void read_halt(const toml::node& node) {
    const auto text = values_.read_spelling(node, "`halt`", "a string such as \"now,fail=1\"");
    if (!text) return;
    const auto rule = parse_halt(*text);
    if (!rule) return values_.complain(node, rule.mistake());
    job_.halt = *rule;
  }

  void read_defaults(const toml::node* node) {
    if (node != nullptr) {
      if (const auto* table = node->as_table()) {
        check_keys(*table, KeyPlace::Defaults);
        defaults_ = read_policy(*table);
      } else {
        values_.wrong_type(*node, "`defaults`", "a table: [defaults]");
      }
    }
    // The command line stands before the file's defaults.
    if (options_.timeout) defaults_.timeout = options_.timeout;
    if (options_.grace) defaults_.grace = options_.grace;
    if (options_.retries) defaults_.retries = options_.retries;
    if (options_.shell_given || !defaults_.shell) defaults_.shell = Shell{ShellChoice::Auto, options_.shell};
  }

  Policy read_policy(const toml::table& table) {
    Policy policy;
    if (const auto* node = table.get("timeout")) policy.timeout = values_.read_duration(*node, "`timeout`");
    if (const auto* node = table.get("grace")) policy.grace = values_.read_duration(*node, "`grace`");
    if (const auto* node = table.get("retries")) policy.retries = read_retries(*node);
    if (const auto* node = table.get("shell")) policy.shell = read_shell(*node);
    if (const auto* node = table.get("cwd")) values_.read_string(*node, "`cwd`", policy.cwd);
    if (const auto* node = table.get("env")) values_.read_env(*node, policy.env);
    return policy;
  }

  std::optional<std::uint32_t> read_retries(const toml::node& node) {
    if (!node.is_table())
      return values_.read_count(node, "`retries`", "how many further attempts there may be");
    values_.complain(node, "a table of `retries` is not supported by this version of drover; write a number");
    return std::nullopt;
  }

  std::optional<Shell> read_shell(const toml::node& node) {
    if (const auto* flag = node.as_boolean()) {
      if (!flag->get()) return Shell{ShellChoice::Never, {}};
      // A task says that it wants one; which one is said elsewhere.
      const bool named = defaults_.shell && !defaults_.shell->program.empty();
      return Shell{ShellChoice::Always, named ? defaults_.shell->program : options_.shell};
    }
    Shell shell{ShellChoice::Always, {}};
    if (!node.is_string()) {
      values_.wrong_type(node, "`shell`", "true, false or a program");
      return std::nullopt;
    }
    if (!values_.read_string(node, "`shell`", shell.program)) return std::nullopt;
    if (shell.program.find(" -") != std::string::npos) {
      values_.complain(node, "`shell` is a program without options; set them in the command (set -e)");
      return std::nullopt;
    }
    return shell;
  }

  void read_tasks(const toml::node& node) {
    const auto* list = node.as_array();
    if (list == nullptr)
      return values_.wrong_type(node, "`task`", "[[task]], with two brackets, before each task");
    job_.tasks.reserve(list->size());
    for (const toml::node& entry : *list) {
      // A task that is wrong has its place too: the numbers of the others, and their names, stay right.
      const TaskId id = job_.tasks.size() + 1;
      TaskSpec spec;
      if (const auto* table = entry.as_table()) {
        read_task(*table, id, spec);
      } else {
        values_.wrong_type(entry, "a task", "a table: [[task]]");
      }
      job_.tasks.push_back(std::move(spec));
    }
  }

  void read_task(const toml::table& table, TaskId id, TaskSpec& spec) {
    check_keys(table, KeyPlace::Task);
    if (const auto* node = table.get("name")) read_name(*node, id, spec.name);
    if (const auto* node = table.get("after")) read_after(*node, id);
    const Policy own = read_policy(table);
    spec.timeout = own.timeout ? own.timeout : defaults_.timeout;
    spec.grace = own.grace ? own.grace : defaults_.grace;
    spec.retries = own.retries ? own.retries : defaults_.retries;

    const auto* command = table.get("command");
    const auto* function = table.get("function");
    if (command != nullptr && function != nullptr) {
      values_.complain(*function, "`command` and `function` exclude each other; remove one of them");
    } else if (command != nullptr) {
      read_command(*command, table, own, spec);
    } else if (function != nullptr) {
      read_function(*function, table, spec);
    } else {
      values_.complain(table, "the task has nothing to do; write a `command` or a `function`");
    }
  }

  void read_name(const toml::node& node, TaskId id, std::string& name) {
    if (!values_.read_string(node, "`name`", name)) return;
    if (names_.add(name, id)) {
      name_lines_.resize(id, 0);
      name_lines_[id - 1] = node.source().begin.line;
    } else {
      values_.complain(
          node, fmt::format("the name {} is taken by the task in line {}; names are unique, choose another",
                            quoted(name), name_lines_[*names_.find(name) - 1]));
    }
  }

  void read_after(const toml::node& node, TaskId id) {
    const auto add = [&](const toml::node& entry) {
      const auto* text = entry.as_string();
      if (text == nullptr) {
        values_.wrong_type(entry, "an entry of `after`", "the name of a task");
      } else if (values_.check_no_nul(entry, "`after`", text->get())) {
        afters_.push_back({id, text->get(), entry.source().begin.line, entry.source().begin.column});
      }
    };
    if (const auto* list = node.as_array()) {
      for (const toml::node& entry : *list) add(entry);
    } else if (node.is_string()) {
      add(node);
    } else {
      values_.wrong_type(node, "`after`", "the name of a task, or a list of names");
    }
  }

  void read_command(const toml::node& node, const toml::table& table, const Policy& own, TaskSpec& spec) {
    spec.kind = TaskKind::Command;
    spec.cwd = own.cwd.empty() ? defaults_.cwd : own.cwd;
    spec.env = defaults_.env;
    for (const auto& [name, value] : own.env) set(spec.env, name, value);
    if (const auto* input = table.get("stdin")) read_stdin(*input, spec);
    if (const auto* args = table.get("args")) {
      values_.complain(*args, "`args` belongs to a `function`; write the arguments into `command`");
    }
    if (const auto* list = node.as_array()) {
      if (own.shell && own.shell->choice == ShellChoice::Always) {
        values_.complain(
            *table.get("shell"),
            "a `command` that is a list needs no shell; write it as a string, or remove `shell`");
      }
      read_words(*list, spec);
    } else if (const auto* text = node.as_string()) {
      read_line(node, text->get(), own.shell ? *own.shell : *defaults_.shell, spec);
    } else {
      values_.wrong_type(node, "`command`", "a string or a list of strings");
    }
  }

  void read_line(const toml::node& node, const std::string& text, const Shell& shell, TaskSpec& spec) {
    if (is_blank(text)) return values_.complain(node, "`command` is empty; write what to execute");
    if (!values_.check_no_nul(node, "`command`", text)) return;
    if (shell.choice == ShellChoice::Never && text.find_first_of("'\"") != std::string::npos) {
      values_.complain(node, "without a shell quotes mean nothing; write `command` as a list of words");
    }
    spec.text = text;
    spec.argv = command_argv(text, shell.program, shell.choice);
  }

  void read_words(const toml::array& list, TaskSpec& spec) {
    bool complete = true;
    for (const toml::node& entry : list) {
      const auto* word = entry.as_string();
      if (word == nullptr) {
        values_.wrong_type(entry, "a word of `command`", "a string");
        complete = false;
      } else if (values_.check_no_nul(entry, "`command`", word->get())) {
        spec.argv.push_back(word->get());
      } else {
        complete = false;
      }
    }
    if (complete && (spec.argv.empty() || spec.argv.front().empty())) {
      values_.complain(list, "`command` is empty; write what to execute");
    }
    spec.text = shown_command(spec.argv);
  }

  void read_stdin(const toml::node& node, TaskSpec& spec) {
    if (const auto* table = node.as_table()) {
      const auto* text = table->get("text");
      if (text == nullptr || table->size() != 1) {
        return values_.complain(node, "`stdin` as a table has the one key `text`; write { text = \"…\" }");
      }
      if (!text->is_string()) return values_.wrong_type(*text, "`text`", "a string");
      spec.stdin_kind = StdinKind::Text;
      spec.stdin_value = text->as_string()->get();  // NUL bytes too: it is data
    } else if (!node.is_string()) {
      values_.wrong_type(node, "`stdin`", "a path, or { text = \"…\" }");
    } else if (values_.read_string(node, "`stdin`", spec.stdin_value)) {
      spec.stdin_kind = StdinKind::File;
    }
  }

  void read_function(const toml::node& node, const toml::table& table, TaskSpec& spec) {
    spec.kind = TaskKind::Function;
    for (const char* key : {"shell", "env", "cwd", "stdin"}) {
      if (const auto* entry = table.get(key)) {
        values_.complain(*entry,
                         fmt::format("`{}` belongs to a `command`; remove it, or pass it in `args`", key));
      }
    }
    if (values_.read_string(node, "`function`", spec.function)) {
      job_.functions.push_back({spec.function, node.source().begin.line, node.source().begin.column});
    }
    const auto* args = table.get("args");
    if (args == nullptr) return;
    const auto* list = args->as_array();
    if (list == nullptr) return values_.wrong_type(*args, "`args`", "a list of values");
    for (const toml::node& entry : *list) {
      if (const auto* flag = entry.as_boolean()) {
        spec.args.emplace_back(flag->get());
      } else if (const auto* whole = entry.as_integer()) {
        spec.args.emplace_back(whole->get());
      } else if (const auto* real = entry.as_floating_point()) {
        spec.args.emplace_back(real->get());
      } else if (const auto* text = entry.as_string()) {
        spec.args.emplace_back(text->get());
      } else {
        values_.wrong_type(entry, "an argument", "a string, a number or a boolean");
      }
    }
  }

  TomlValues values_;
  const std::string& file_;
  const JobOptions& options_;
  Job& job_;
  std::vector<Diagnostic>& diagnostics_;
  Policy defaults_;
  TaskNames names_;
  std::vector<unsigned> name_lines_;  // by task, from 0
  std::vector<After> afters_;
};

Diagnostic syntax_error(const std::string& file, const toml::parse_error& error) {
  // "Error while parsing string: …" -> "in string: …"
  constexpr std::string_view kPrefix = "Error while parsing ";
  std::string_view what = error.description();
  const bool has_prefix = what.starts_with(kPrefix);
  if (has_prefix) what.remove_prefix(kPrefix.size());
  return {file, error.source().begin.line, error.source().begin.column,
          fmt::format("this is not TOML: {}{}; correct it (what follows was not read)",
                      has_prefix ? "in " : "", escaped(what))};
}

}  // namespace

bool read_toml(std::string_view text, const std::string& file, const JobOptions& options, Job& job,
               std::vector<Diagnostic>& diagnostics) {
  DROVER_CHECK(job.tasks.empty());
  const std::size_t before = diagnostics.size();
  const toml::parse_result parsed = toml::parse(text, std::string_view(file));
  if (!parsed) {
    diagnostics.push_back(syntax_error(file, parsed.error()));
    return false;
  }
  TomlReader(file, options, job, diagnostics).read(parsed.table());
  if (options.functions) check_functions(job, file, *options.functions, diagnostics);
  std::stable_sort(diagnostics.begin() + static_cast<std::ptrdiff_t>(before), diagnostics.end(),
                   [](const Diagnostic& a, const Diagnostic& b) {
                     return std::pair(a.line, a.column) < std::pair(b.line, b.column);
                   });
  return diagnostics.size() == before;
}

}  // namespace drover
