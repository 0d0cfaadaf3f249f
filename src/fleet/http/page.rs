//! The page and its files, built into the program.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};

use super::App;
use super::answers::{Refusal, not_found, text_of};
use crate::fleet::page::{FILES, INDEX};

/// The page's files with what their contents are recognised by.
pub(super) struct Page(Vec<File>);

struct File {
    name: &'static str,
    kind: &'static str,
    content: Vec<u8>,
    etag: String,
}

impl Page {
    /// Reads the files out of the program.
    pub(super) fn load() -> Self {
        let files = FILES.iter().chain([&INDEX]).map(|file| File {
            name: file.name,
            kind: file.kind,
            content: file.body.to_vec(),
            etag: etag(file.body),
        });
        Self(files.collect())
    }

    fn answer(&self, name: &str, asked: &HeaderMap) -> Option<Response> {
        let file = self.0.iter().find(|file| file.name == name)?;
        let (content, etag) = as_it_is_edited(name).map_or_else(
            || (file.content.clone(), file.etag.clone()),
            |content| {
                let etag = etag(&content);
                (content, etag)
            },
        );
        // Browsers ask each time, and are answered that nothing has changed.
        let headers = [(ETAG, etag.clone()), (CACHE_CONTROL, "no-cache".to_owned())];
        let known = asked.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
        if known.is_some_and(|tags| tags.contains(&etag)) {
            return Some((StatusCode::NOT_MODIFIED, headers).into_response());
        }
        Some((headers, text_of(asked, file.kind, content)).into_response())
    }
}

/// In a debug build the file as it lies in the source, so that the page can be worked on without building anew.
fn as_it_is_edited(name: &str) -> Option<Vec<u8>> {
    if !cfg!(debug_assertions) {
        return None;
    }
    std::fs::read(format!(
        "{}/src/fleet/page/{name}",
        env!("CARGO_MANIFEST_DIR")
    ))
    .ok()
}

fn etag(content: &[u8]) -> String {
    let hash = digest(&SHA256, content);
    let short: String = hash.as_ref()[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("\"{short}\"")
}

/// `GET /`
pub(super) async fn index(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    answer(&app, INDEX.name, &headers).await
}

/// `GET /assets/NAME`
pub(super) async fn asset(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    answer(&app, &name, &headers).await
}

async fn answer(app: &App, name: &str, headers: &HeaderMap) -> Response {
    match app.page.answer(name, headers) {
        Some(response) => response,
        None => Refusal::into_response(not_found().await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_in_the_program() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/fleet/page");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names.retain(|name| name != "mod.rs");
        let mut built_in: Vec<&str> = FILES.iter().chain([&INDEX]).map(|file| file.name).collect();
        built_in.sort_unstable();
        assert_eq!(names, built_in);
    }
}
