#include <doctest/doctest.h>

#include "runner/jobfile/cycles.hpp"
#include "runner/jobfile/links.hpp"

using drover::After;
using drover::Diagnostic;
using drover::find_cycles;
using drover::TaskId;
using drover::TaskNames;
using drover::TaskSpec;
using Ids = std::vector<TaskId>;

namespace {

// Tasks by name (ids from 1) and their `after`; the line of an After is the task's id, its column counts
// within it.
struct Links {
  std::vector<TaskSpec> tasks;
  TaskNames names;
  std::vector<After> afters;
  std::vector<Diagnostic> diagnostics;

  Links& task(const std::string& name, const std::vector<std::string>& after = {}) {
    tasks.emplace_back().name = name;
    const TaskId id = tasks.size();
    if (!name.empty()) REQUIRE(names.add(name, id));
    unsigned column = 0;
    for (const std::string& written : after)
      afters.push_back({id, written, static_cast<unsigned>(id), ++column});
    return *this;
  }
  Links& link(std::uint64_t most_edges = drover::kMostEdges) {
    link_tasks(afters, names, tasks, "f", diagnostics, most_edges);
    return *this;
  }
  [[nodiscard]] const Ids& after(TaskId id) const { return tasks[id - 1].after; }
  [[nodiscard]] std::vector<std::string> mistakes() const {
    std::vector<std::string> texts;
    for (const Diagnostic& diagnostic : diagnostics) texts.push_back(format(diagnostic));
    return texts;
  }
};
using Texts = std::vector<std::string>;

std::vector<TaskSpec> graph(const std::vector<Ids>& afters) {
  std::vector<TaskSpec> tasks(afters.size());
  for (std::size_t i = 0; i < afters.size(); ++i) tasks[i].after = afters[i];
  return tasks;
}

}  // namespace

TEST_CASE("a task waits for the tasks that it names, earlier and later ones") {
  Links links;
  links.task("a", {"c"}).task("b", {"c", "a"}).task("c").link();
  CHECK(links.after(1) == Ids{3});
  CHECK(links.after(2) == Ids{1, 3});
  CHECK(links.after(3).empty());
  CHECK(links.mistakes().empty());
}

TEST_CASE("a glob means every task whose name it matches") {
  Links links;
  links.task("gen 1").task("gen 2").task("general").task("re gen 3").task("");
  links.task("x", {"gen *"}).task("y", {"*gen*"}).task("z", {"gen [13]"}).task("w", {"gen ?"}).link();
  CHECK(links.after(6) == Ids{1, 2});
  CHECK(links.after(7) == Ids{1, 2, 3, 4});
  CHECK(links.after(8) == Ids{1});
  CHECK(links.after(9) == Ids{1, 2});
  CHECK(links.mistakes().empty());
}

TEST_CASE("a star matches slashes and leading dots") {
  Links links;
  links.task("build/x/.y").task("z", {"build*y"}).link();
  CHECK(links.after(2) == Ids{1});
}

TEST_CASE("a name that is written like a glob is a name first") {
  Links links;
  links.task("a*").task("ab").task("z", {"a*"}).task("y", {"a\\*"}).link();
  CHECK(links.after(3) == Ids{1});
  CHECK(links.after(4) == Ids{1});
}

TEST_CASE("a task named twice is waited for once") {
  Links links;
  links.task("a").task("b").task("z", {"b", "a", "*[ab]", "b"}).link();
  CHECK(links.after(3) == Ids{1, 2});
}

TEST_CASE("a task never waits for itself because of a glob") {
  Links links;
  links.task("a").task("b", {"*"}).link();
  CHECK(links.after(2) == Ids{1});
  CHECK(links.mistakes().empty());
}

TEST_CASE("an unknown name is reported in its place, with the nearest one") {
  Links links;
  links.task("resize").task("index", {"resize", "rezise"}).task("far", {"nothing"}).link();
  CHECK(links.mistakes() == Texts{"drover: f:2:2: no task is named \"rezise\"; did you mean \"resize\"?",
                                  "drover: f:3:1: no task is named \"nothing\"; correct it or remove it"});
}

TEST_CASE("the nearest of several near names is the first task's") {
  Links links;
  links.task("step d").task("step c").task("step a").task("x", {"step b"}).link();
  CHECK(links.mistakes() == Texts{"drover: f:4:1: no task is named \"step b\"; did you mean \"step d\"?"});
}

TEST_CASE("a glob that matches nothing, or only its own task, is reported") {
  Links links;
  links.task("a", {"b*"}).task("c1", {"c*"}).link();
  CHECK(links.mistakes() ==
        Texts{"drover: f:1:1: no task has a name like \"b*\"; correct it or remove it",
              "drover: f:2:1: no task but this one has a name like \"c*\"; correct it or remove it"});
}

TEST_CASE("a circle is reported once, from its first task, in the place where that waits") {
  Links links;
  links.task("d").task("a", {"d", "b"}).task("b", {"c"}).task("c", {"a"}).link();
  CHECK(links.mistakes() ==
        Texts{"drover: f:2:1: tasks wait for each other in a circle: \"a\" after \"b\" after \"c\" "
              "after \"a\"; remove one of these from an after"});
}

TEST_CASE("a task that names itself is reported") {
  Links links;
  links.task("a", {"a"}).link();
  CHECK(links.mistakes() == Texts{"drover: f:1:1: \"a\" waits for itself; remove it from its after"});
}

TEST_CASE("a long circle is shown by its first tasks") {
  Links links;
  for (int i = 1; i < 20; ++i) links.task("t" + std::to_string(i), {"t" + std::to_string(i + 1)});
  links.task("t20", {"t1"}).link();
  CHECK(links.mistakes() == Texts{"drover: f:1:1: tasks wait for each other in a circle: \"t1\" after \"t2\" "
                                  "after \"t3\" after \"t4\" after "
                                  "\"t5\" after \"t6\" after \"t7\" after \"t8\" after 12 more after \"t1\"; "
                                  "remove one of these from an "
                                  "after"});
}

TEST_CASE("globs that make more edges than a job may have are refused") {
  Links links;
  links.task("a1").task("a2").task("b", {"a*"}).task("c", {"a*"});
  SUBCASE("as many as allowed are fine") {
    links.link(4);
    CHECK(links.mistakes().empty());
  }
  SUBCASE("one more is not") {
    links.link(3);
    CHECK(links.mistakes() == Texts{"drover: f:4:1: \"a*\" makes more pairs of waiting tasks than one job "
                                    "may have; let one task wait for "
                                    "these, and the others wait for that one"});
  }
}

TEST_CASE("a graph without circles has none") {
  CHECK(find_cycles({}).empty());
  CHECK(find_cycles(graph({{}, {1}, {1, 2}, {2, 3}})).empty());
  CHECK(find_cycles(graph({{2, 3}, {3}, {}})).empty());
}

TEST_CASE("circles that do not touch are found each, tasks that only lead there are not named") {
  // 1 waits on the circle 2-3; 4-5-6 is another; 7 waits for itself.
  CHECK(find_cycles(graph({{2}, {3}, {2}, {5}, {6}, {4, 2}, {7}})) ==
        std::vector<Ids>{{2, 3}, {4, 5, 6}, {7}});
}

TEST_CASE("of entangled circles the shortest through the first task is named") {
  CHECK(find_cycles(graph({{2}, {3, 1}, {1}})) == std::vector<Ids>{{1, 2}});
  CHECK(find_cycles(graph({{2, 3}, {4}, {1}, {1}})) == std::vector<Ids>{{1, 3}});
  // 2 and 3 also wait for each other: the search must not go round there for ever.
  CHECK(find_cycles(graph({{2}, {3}, {2, 4}, {1}})) == std::vector<Ids>{{1, 2, 3, 4}});
}

TEST_CASE("a chain of a million tasks is searched without deep recursion") {
  std::vector<TaskSpec> tasks(1'000'000);
  for (TaskId id = 1; id < tasks.size(); ++id) tasks[id - 1].after = {id + 1};
  CHECK(find_cycles(tasks).empty());
  tasks.back().after = {1};
  const auto cycles = find_cycles(tasks);
  REQUIRE(cycles.size() == 1);
  CHECK(cycles[0].size() == tasks.size());
  CHECK(cycles[0].front() == 1);
  CHECK(cycles[0].back() == tasks.size());
}

TEST_CASE("a hundred thousand different globs over as many names are matched by their beginnings") {
  // Quadratic work would be 10^10 comparisons: the suite's time limit would end it.
  Links links;
  for (int i = 0; i < 50'000; ++i) {
    links.task("make " + std::to_string(i) + ".o");
    links.task("test " + std::to_string(i), {"make " + std::to_string(i) + ".*"});
  }
  links.link();
  CHECK(links.mistakes().empty());
  CHECK(links.after(2) == Ids{1});
  CHECK(links.after(100'000) == Ids{99'999});
}

TEST_CASE("a file full of unknown names is reported without a search of all names for each") {
  Links links;
  for (int i = 0; i < 50'000; ++i) links.task("task " + std::to_string(i), {"tusk " + std::to_string(i)});
  links.link();
  REQUIRE(links.diagnostics.size() == 50'000);
  CHECK(links.diagnostics.front().text == "no task is named \"tusk 0\"; did you mean \"task 0\"?");
  CHECK(links.diagnostics.back().text == "no task is named \"tusk 49999\"; correct it or remove it");
}
