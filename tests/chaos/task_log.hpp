// What tasks write while they are being killed: "start SEQ ATTEMPT" and "end SEQ ATTEMPT", each in one
// appending write. Says what the log proves about who ran when.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>

namespace drover::test {

// A command that writes its two lines into `log` and, having begun, a line into the FIFO `ticks`.
inline const std::string kLoggedCommand =
    "me=\"$DROVER_SEQ $DROVER_ATTEMPT\"; echo start $me >>log; echo >>ticks; true | true; echo end $me >>log";

struct TaskLog {
  std::map<int, std::set<int>> started, ended;  // attempts by task
  int starts = 0, ends = 0;

  explicit TaskLog(const std::string& text) {
    std::istringstream in(text);
    std::string what;
    for (int task = 0, attempt = 0; in >> what >> task >> attempt;) {
      CAPTURE(task);
      CAPTURE(attempt);
      if (what == "start") {
        ++starts;
        // An attempt has one beginning, and the later begins after the earlier.
        CHECK(started[task].insert(attempt).second);
        CHECK(*started[task].rbegin() == attempt);
      } else {
        ++ends;
        CHECK(ended[task].insert(attempt).second);
        // None goes on once its successor has begun: it was buried before.
        CHECK(*started[task].rbegin() == attempt);
      }
    }
  }

  // Each of 1..tasks came to an end, within so many attempts.
  void check_all_ended(int tasks, int most_attempts) const {
    for (int task = 1; task <= tasks; ++task) {
      CAPTURE(task);
      const auto attempts = started.find(task);
      REQUIRE(attempts != started.end());
      CHECK(*attempts->second.rbegin() <= most_attempts);
      const auto last = ended.find(task);
      REQUIRE(last != ended.end());
      // What was published is not run again: only the last attempt's end counted, and each further end cost a
      // worker.
      CHECK(*last->second.rbegin() == *attempts->second.rbegin());
    }
    CHECK(started.size() == static_cast<std::size_t>(tasks));
  }
  [[nodiscard]] int further_ends() const { return ends - static_cast<int>(ended.size()); }
};

}  // namespace drover::test
