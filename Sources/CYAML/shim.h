// The system's own header, found by pkg-config; what Swift cannot import from it is wrapped below.
#pragma once
#include <yaml.h>
#include <features.h>
#ifdef __GLIBC__
// mallopt: Swift's Glibc module leaves it out. See LargeBlocks.swift.
#include <malloc.h>
#endif
