//! Every input that the fuzz targets keep is tried again: what was found once stays mended. `fuzz/run` looks for more.

#[path = "../fuzz/src/lib.rs"]
#[allow(
    unreachable_pub,
    reason = "the same file is a library to the fuzz targets"
)]
mod fuzz;

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

#[test]
fn every_input_of_the_corpus_is_survived() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut fallen = Vec::new();
    for (target, run) in fuzz::TARGETS {
        let folder = corpus.join(target);
        let mut tried = 0;
        for entry in fs::read_dir(&folder).expect("each target has a corpus") {
            let path = entry.expect("the folder can be read").path();
            let input = fs::read(&path).expect("the input can be read");
            if catch_unwind(|| run(&input)).is_err() {
                fallen.push(path);
            }
            tried += 1;
        }
        assert!(tried > 0, "{} is empty", folder.display());
    }
    assert!(fallen.is_empty(), "{fallen:#?}");
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for folder in ["corpus", "fuzz_targets"] {
        let entries = fs::read_dir(fuzz.join(folder)).expect("the folder is there");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("the folder can be read").path())
            .map(|path| {
                path.file_stem()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        assert_eq!(names, fuzz::TARGETS.map(|(name, _)| name), "{folder}");
    }
}
