// The system's own header, found by pkg-config; what Swift cannot import from it is wrapped below.
#pragma once
#include <zlib.h>

// deflateInit2 and inflateInit2 are macros. 15 + 16: the largest window, with gzip's header and trailer.

static inline int expvault_gzip_deflate_init(z_stream *stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

static inline int expvault_gzip_inflate_init(z_stream *stream) {
    return inflateInit2(stream, 15 + 16);
}
