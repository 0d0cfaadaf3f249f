//! The page: its files as they are, embedded. There is no build step.

/// A file that the page is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct File {
    /// The last part of its address, below `/assets/`.
    pub(super) name: &'static str,
    /// Its content type.
    pub(super) kind: &'static str,
    /// What it holds.
    pub(super) body: &'static [u8],
}

macro_rules! file {
    ($name:literal, $kind:literal) => {
        File {
            name: $name,
            kind: $kind,
            body: include_bytes!($name),
        }
    };
}

macro_rules! script {
    ($name:literal) => {
        file!($name, "text/javascript; charset=utf-8")
    };
}

macro_rules! style {
    ($name:literal) => {
        file!($name, "text/css; charset=utf-8")
    };
}

/// What `/` answers.
pub(super) const INDEX: File = file!("index.html", "text/html; charset=utf-8");

/// What `/assets/` answers, by name.
pub(super) const FILES: &[File] = &[
    file!("icon.svg", "image/svg+xml"),
    style!("dock.css"),
    style!("fleet.css"),
    style!("node.css"),
    style!("page.css"),
    script!("bar.js"),
    script!("beat.js"),
    script!("board.js"),
    script!("cell.js"),
    script!("chart.js"),
    script!("controls.js"),
    script!("dense.js"),
    script!("dock.js"),
    script!("element.js"),
    script!("facts.js"),
    script!("geometry.js"),
    script!("glow.js"),
    script!("grid.js"),
    script!("icon.js"),
    script!("light.js"),
    script!("main.js"),
    script!("node.js"),
    script!("order.js"),
    script!("outcomes.js"),
    script!("parameters.js"),
    script!("route.js"),
    script!("selection.js"),
    script!("service.js"),
    script!("session.js"),
    script!("spark.js"),
    script!("store.js"),
    script!("stream.js"),
    script!("target.js"),
    script!("theme.js"),
    script!("tile.js"),
    script!("tiles.js"),
    script!("words.js"),
];
