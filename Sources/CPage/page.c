// The page's files become part of the binary as they are: #embed (C23) takes the bytes without a parser, so this costs no
// time, where an array literal of Swift's costs seconds, and a text in Swift would be a second copy to keep up to date.
// The compiler tells the build that this file depends on them.
#include "page.h"

static const unsigned char index_html[] = {
#embed "../Dashboard/Assets/index.html"
};
static const unsigned char style_css[] = {
#embed "../Dashboard/Assets/style.css"
};
static const unsigned char app_js[] = {
#embed "../Dashboard/Assets/app.js"
};
static const unsigned char view_js[] = {
#embed "../Dashboard/Assets/view.js"
};
static const unsigned char format_js[] = {
#embed "../Dashboard/Assets/format.js"
};
static const unsigned char chart_js[] = {
#embed "../Dashboard/Assets/chart.js"
};
static const unsigned char pauses_js[] = {
#embed "../Dashboard/Assets/pauses.js"
};
static const unsigned char panels_js[] = {
#embed "../Dashboard/Assets/panels.js"
};
static const unsigned char changes_js[] = {
#embed "../Dashboard/Assets/changes.js"
};

#define ASSET(name, array) {name, array, sizeof array}

static const struct page_asset assets[] = {
    ASSET("index.html", index_html),
    ASSET("style.css", style_css),
    ASSET("app.js", app_js),
    ASSET("view.js", view_js),
    ASSET("format.js", format_js),
    ASSET("chart.js", chart_js),
    ASSET("pauses.js", pauses_js),
    ASSET("panels.js", panels_js),
    ASSET("changes.js", changes_js),
};

const struct page_asset *page_asset_at(size_t index) {
    return index < sizeof assets / sizeof assets[0] ? &assets[index] : NULL;
}
