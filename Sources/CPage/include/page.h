#ifndef EXPVAULT_PAGE_H
#define EXPVAULT_PAGE_H

#include <stddef.h>

/// A file of the page, as it stands in Sources/Dashboard/Assets.
struct page_asset {
    /// Its name there.
    const char *_Nonnull name;
    const unsigned char *_Nonnull bytes;
    size_t count;
};

/// The asset of that number, from 0 on; null beyond the last.
const struct page_asset *_Nullable page_asset_at(size_t index);

#endif
