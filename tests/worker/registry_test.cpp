// Which functions there are, and by which numbers coordinator and worker speak of them.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <string>

#include "tests/worker/function_fixture.hpp"
#include "tests/worker/self.hpp"
#include "worker/image_name.hpp"
#include "worker/registry.hpp"

namespace drover::test {
namespace {

int plain(int number) {
  return number;
}
int other(int number) {
  return number + 1;
}
void never_registered(Decoder&, Context&, detail::SmallBuffer&) {}

std::string image_of(const std::string& name) {
  return name.substr(0, name.find(':'));
}

}  // namespace

TEST_CASE("a function's number is its place in the list, after all that have names") {
  const auto& all = registered_functions();
  const std::size_t named = count_of(KnownFunctions::Named);
  REQUIRE(named >= 2);
  CHECK(std::none_of(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(named),
                     [](const auto& each) { return each.typed != nullptr || each.name[0] == '@'; }));
  const std::uint32_t number = number_of<&plain>();
  REQUIRE(number >= named);
  REQUIRE(number < all.size());
  CHECK((all[number].typed == detail::Registered<&plain>::entry.thunk));
  CHECK(all[number].name == image_name(reinterpret_cast<const void*>(all[number].typed)));
  CHECK(detail::function_names().at(number) == all[number].name);
  CHECK(detail::function_names().size() == all.size());
  CHECK(number_of<&other>() != number);
}

TEST_CASE("two lambdas of one signature have two numbers") {
  const std::uint32_t first = number_of<[](int x) { return x + 1; }>();
  const std::uint32_t second = number_of<[](int x) { return x + 2; }>();
  CHECK(first != second);
  const auto& all = registered_functions();
  CHECK(all.at(first).name != all.at(second).name);
  CHECK(image_of(all.at(first).name) == image_of(all.at(second).name));
}

TEST_CASE("code of a shared object is named by that") {
  const std::string ours = image_name(reinterpret_cast<const void*>(&never_registered));
  const std::string theirs = image_name(reinterpret_cast<const void*>(&::getppid));
  CHECK(ours.size() > 18);
  CHECK(ours[0] == '@');
  CHECK(image_of(ours).size() == 17);
  CHECK(image_of(ours).find_first_not_of("0123456789abcdef", 1) == std::string::npos);
  CHECK(image_of(ours) != image_of(theirs));
}

TEST_CASE("prints the names of this process" * doctest::skip()) {
  for (const std::string& name : detail::function_names()) std::cout << name << '\n';
}

TEST_CASE("two processes of one image agree on all numbers, wherever it was loaded") {
  const std::string printed = printed_by_self("prints the names of this process");
  std::string expected;
  for (const std::string& name : detail::function_names()) expected += name + "\n";
  CHECK(printed == expected);
}

TEST_CASE("what registers itself after the list was made is refused, in a sentence") {
  (void)registered_functions();
  static detail::FunctionEntry late(&never_registered);  // for ever: it is in the list of entries
  bool refused = false;
  try {
    (void)detail::function_number(late);
  } catch (const NotTransportable& mistake) {
    refused = true;
    CHECK(std::string(mistake.what()).find("came too late") != std::string::npos);
  }
  CHECK(refused);
  const std::size_t before = registered_functions().size();
  CHECK_FALSE(register_function("late", "()", nullptr));
  CHECK(registered_functions().size() == before);
}

}  // namespace drover::test
