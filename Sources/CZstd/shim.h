// The system's own header, found by pkg-config; what Swift cannot import from it is wrapped below.
#pragma once
#include <zstd.h>
