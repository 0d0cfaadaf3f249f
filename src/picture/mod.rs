//! The board drawn for a terminal and for documents: pure, no terminal, no clock, no I/O.
//!
//! ```text
//! Frame ──▶ Painter::paint ──▶ Picture (pixels and mask) ─┬─▶ documents
//!                                                         ▼
//!           Painter::draw ──────────────────────▶ rows of Line ──▶ Layout::compose ──▶ Line::render ──▶ ANSI text
//! ```
//!
//! Light is added up in linear units and encoded once, so overlapping glows mix as they do on the desk. Everything is a
//! function of its arguments: who draws again only when the [`Frame`](crate::light::Frame) differs misses nothing.

mod cells;
mod layout;
mod line;
mod painter;
mod palette;
mod silhouette;
mod tone;
mod view;

pub use layout::{Layout, Size};
pub use line::{Line, Style, wrapped};
pub use painter::{Painter, Picture};
pub use palette::Palette;
