//! What the doctor finds.

use serde::Serialize;

/// How a check ended, from harmless to grave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Nothing to do, but good to know.
    Info,
    /// Not checked, because something before it failed or can't be seen from here.
    Skip,
    /// It works, or may, and somebody should look.
    Warn,
    /// It keeps the node from doing its work.
    Fail,
}

impl Level {
    /// The level's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Skip => "skip",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What a check is about, in the order in which things are checked and told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// The machine, and where on it the program runs.
    Host,
    /// The way to the LEDs.
    Panel,
    /// What the node was told.
    Configuration,
    /// The way to the broker, and what it allows.
    Broker,
    /// The time.
    Clock,
}

impl Section {
    /// The section's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Panel => "panel",
            Self::Configuration => "configuration",
            Self::Broker => "broker",
            Self::Clock => "clock",
        }
    }
}

/// A part of a remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// A command to copy.
    Run(String),
    /// Something that no command does.
    Do(String),
}

/// One line of the doctor's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub section: Section,
    /// The check's name, for programs.
    pub check: &'static str,
    /// Which of several brokers it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How the check ended.
    pub level: Level,
    /// What was found.
    pub text: String,
    /// What to do, in this order; empty where there is nothing to do.
    pub fix: Vec<Step>,
}

impl Finding {
    /// A finding without a remedy.
    #[must_use]
    pub fn new(
        section: Section,
        check: &'static str,
        level: Level,
        text: impl Into<String>,
    ) -> Self {
        Self {
            section,
            check,
            subject: None,
            level,
            text: text.into(),
            fix: Vec::new(),
        }
    }

    /// The finding with a command to copy at the end of its remedy.
    #[must_use]
    pub fn run(mut self, command: impl Into<String>) -> Self {
        self.fix.push(Step::Run(command.into()));
        self
    }

    /// The finding with something else to do at the end of its remedy.
    #[must_use]
    pub fn act(mut self, what: impl Into<String>) -> Self {
        self.fix.push(Step::Do(what.into()));
        self
    }

    /// The finding with these steps at the end of its remedy.
    #[must_use]
    pub fn steps(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.fix.extend(steps);
        self
    }
}
