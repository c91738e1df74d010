// How a C++ function becomes a task.
//
// By its address, from C++: Coordinator::submit<&render>(…), map<&render>(…). Nothing need be declared.
// By a name that job files can use: DROVER_FUNCTION, in a plugin or in the worker itself.
//
//   std::int64_t count_primes(std::int64_t from, std::int64_t to, drover::Context& context);
//   DROVER_FUNCTION(count_primes)               // function = "count_primes", args = [1, 1000000]
//   DROVER_FUNCTION_AS("primes", count_primes)  // under another name
//
// The parameters of a named function: bool, integers, floating point, std::string; and drover::Context&
// wherever it is wanted. Its result: one of these or void; it becomes the task's standard output, followed by
// a newline. Two functions of one name end the program before main, with a sentence.
//
// An exception makes the task fail. A function runs in a worker process of its own kind, one call at a time;
// it may use all that a process may use. What a shared object registers must come before the process's first
// Coordinator, and before its worker_main calls any function; it must not be unloaded.
#pragma once

#include <drover/context.hpp>
#include <drover/detail/named_function.hpp>
#include <drover/detail/typed_function.hpp>

#define DROVER_FUNCTION(function) DROVER_FUNCTION_AS(#function, function)
#define DROVER_FUNCTION_AS(name, function)                                                       \
  [[maybe_unused]] static const bool drover_registered_##function = ::drover::register_function( \
      name, ::drover::detail::word_list<&function>(), &::drover::detail::call_named<&function>);
