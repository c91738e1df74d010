// Where plugins written for the command have always found it.
#pragma once

#include <drover/function.hpp>
