// The whole library but its coroutines (<drover/async.hpp>) and the adapters of <drover/codec/…>.
// Begin with <drover/coordinator.hpp>.
#pragma once

#include <drover/codec.hpp>
#include <drover/context.hpp>
#include <drover/coordinator.hpp>
#include <drover/error.hpp>
#include <drover/function.hpp>
#include <drover/map.hpp>
#include <drover/shared_array.hpp>
#include <drover/task_group.hpp>
#include <drover/task_handle.hpp>
#include <drover/worker_main.hpp>
