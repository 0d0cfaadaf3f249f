//! Configurations: a file, then variables of the environment, a line each.

use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use piglow_node::config::{self, Loaded, Problems, Sources};
use piglow_node::light::effect::EFFECTS;

use super::{BETWEEN, part};

/// What starts the name of every variable.
const PREFIX: &str = "PIGLOW_";

/// Loads a configuration; what is in effect is a configuration as well.
pub fn run(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == BETWEEN);
    let file = part(&mut parts);
    let environment = String::from_utf8_lossy(part(&mut parts));
    let variables = environment.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        Some((format!("{PREFIX}{name}"), value.to_owned()))
    });
    let variables: Vec<(String, String)> = variables.collect();
    match load(file, variables) {
        Ok(loaded) => reload(&loaded),
        Err(problems) => {
            assert!(problems.count() > 0, "refused without a reason");
            for line in problems.lines() {
                let names_something =
                    line.contains('`') || line.contains("config") || line.contains(PREFIX);
                assert!(names_something, "{line:?} names nothing");
            }
        }
    }
}

/// What `check-config` prints is the same configuration, unless a secret is masked.
fn reload(loaded: &Loaded) {
    let printed = config::render(&loaded.settings);
    if printed.contains("***") {
        return;
    }
    match load(printed.as_bytes(), Vec::new()) {
        Ok(again) => assert_eq!(again.config, loaded.config, "{printed}"),
        Err(problems) => panic!("{printed}\n{problems}"),
    }
}

fn load(file: &[u8], environment: Vec<(String, String)>) -> Result<Loaded, Problems> {
    let effects: Vec<&str> = EFFECTS.iter().map(|info| info.name).collect();
    SCRATCH.with_borrow(|scratch| {
        scratch.fill(file);
        config::load(&Sources {
            file: Some(scratch.path.clone()),
            environment,
            host_name: "host",
            effects: &effects,
            ..Sources::default()
        })
    })
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

/// A file in memory, written over for each input.
struct Scratch {
    path: PathBuf,
    file: File,
}

impl Scratch {
    fn new() -> Self {
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() {
            memory
        } else {
            std::env::temp_dir()
        };
        let name = format!(
            "piglow-config-{}-{:?}.toml",
            std::process::id(),
            std::thread::current().id()
        );
        let path = folder.join(name.replace(['(', ')'], ""));
        let file = File::create(&path).expect("a scratch file");
        Self { path, file }
    }

    fn fill(&self, content: &[u8]) {
        self.file
            .set_len(content.len() as u64)
            .expect("the scratch file");
        self.file
            .write_all_at(content, 0)
            .expect("the scratch file");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).unwrap_or_default();
    }
}
