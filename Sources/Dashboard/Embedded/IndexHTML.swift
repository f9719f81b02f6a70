// Made by scripts/embed-assets from Assets/index.html: change that file, and run the script.

extension Asset {
    /// The text of Assets/index.html.
    static var indexHTML: String { embedded_indexHTML }
}

// swift-format-ignore
private let embedded_indexHTML = #"""
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>expvault</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="style.css">
<script type="module" src="app.js"></script>
</head>
<body>
<header id="bar">
  <h1>expvault <span id="host"></span></h1>
  <div id="targets" role="group" aria-label="Targets"></div>
  <div id="range">
    <div id="presets" role="group" aria-label="Range"></div>
    <form id="typed" aria-label="Typed range">
      <input id="since" aria-label="From" size="19" spellcheck="false" autocomplete="off">
      <span aria-hidden="true">–</span>
      <input id="until" aria-label="To" size="19" spellcheck="false" autocomplete="off">
      <button type="submit">Show</button>
    </form>
    <div role="group" aria-label="Move">
      <button id="back" type="button" title="Back to the range before (b)">← Back</button>
      <button id="out" type="button" title="Zoom out (-)">Zoom out</button>
      <button id="zone" type="button" title="Times in your zone or in UTC (u)"></button>
      <button id="live" type="button" aria-pressed="false" title="Refresh while recording (r)">Live</button>
    </div>
  </div>
</header>
<p id="status" role="status" aria-live="polite"></p>
<main id="panels"></main>
<section id="custom" aria-labelledby="custom-title">
  <div class="head">
    <h2 id="custom-title">Custom variables</h2>
    <input id="search" type="search" placeholder="Find a series… (/)" aria-label="Find a series" spellcheck="false">
    <span id="found" class="note"></span>
  </div>
  <div id="names"></div>
  <div id="chosen" class="grid"></div>
</section>
<section id="changes" aria-labelledby="changes-title">
  <div class="head">
    <h2 id="changes-title">What changed most</h2>
    <div id="compare"></div>
  </div>
  <div id="ranked"></div>
</section>
<footer id="foot"></footer>
<div id="tip" role="tooltip" hidden></div>
<noscript>This page draws its charts with a script from the same server; it is switched off in this browser.</noscript>
</body>
</html>

"""#
