//! Everything that was found, and what to do first.

use serde::Serialize;
use serde::ser::SerializeStruct;

use super::{Finding, Level, Place, Section, Step};

/// What the doctor says in the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Where it was asked.
    pub place: Place,
    /// The id of the node that it is about; `None`: the configuration does not tell.
    pub node: Option<String>,
    /// Everything that was found, section by section.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The gravest level.
    #[must_use]
    pub fn level(&self) -> Level {
        match self.worst() {
            Some(finding) => finding.level,
            None => Level::Ok,
        }
    }

    /// What to look at first: what is wrong with the configuration, on which the rest hangs; else the first failure; else the first
    /// warning.
    #[must_use]
    pub fn worst(&self) -> Option<&Finding> {
        let find = |wanted: &dyn Fn(&Finding) -> bool| {
            self.findings.iter().find(|finding| wanted(finding))
        };
        find(&|finding| finding.level == Level::Fail && finding.section == Section::Configuration)
            .or_else(|| find(&|finding| finding.level == Level::Fail))
            .or_else(|| find(&|finding| finding.level == Level::Warn))
    }

    /// How many findings there are of a level.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.level == level)
            .count()
    }

    /// Whether the configuration can't be used.
    #[must_use]
    pub fn is_misconfigured(&self) -> bool {
        self.findings.iter().any(|finding| {
            finding.section == Section::Configuration && finding.level == Level::Fail
        })
    }
}

/// The numbers of findings by level.
#[derive(Serialize)]
struct Counts {
    ok: usize,
    info: usize,
    skip: usize,
    warn: usize,
    fail: usize,
}

/// What to do first.
#[derive(Serialize)]
struct Next<'a> {
    section: Section,
    check: &'a str,
    text: &'a str,
    fix: &'a [Step],
}

impl Serialize for Report {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let next = self.worst().map(|finding| Next {
            section: finding.section,
            check: finding.check,
            text: &finding.text,
            fix: &finding.fix,
        });
        let count = |level| self.count(level);
        let mut report = serializer.serialize_struct("Report", 7)?;
        report.serialize_field("version", crate::VERSION)?;
        report.serialize_field("node", &self.node)?;
        report.serialize_field("place", &self.place)?;
        report.serialize_field("result", &self.level())?;
        report.serialize_field(
            "counts",
            &Counts {
                ok: count(Level::Ok),
                info: count(Level::Info),
                skip: count(Level::Skip),
                warn: count(Level::Warn),
                fail: count(Level::Fail),
            },
        )?;
        report.serialize_field("next", &next)?;
        report.serialize_field("findings", &self.findings)?;
        report.end()
    }
}
