//! The report for people: aligned, wrapped where a terminal says how wide it is, coloured where it has colours.

use super::{Finding, Level, Report, Step};
use crate::picture::{Line, Palette, Style, wrapped};

/// The column of the checks' names.
const LEVEL: usize = 8;

/// The column of what was found.
const TEXT: usize = 26;

/// In fewer columns than this, wrapped text would be a tower of words.
const NARROW: usize = 24;

const GREEN: Style = Style::colour([0x4e, 0xc9, 0x5a]);
const YELLOW: Style = Style::colour([0xe5, 0xb9, 0x2e]);
const RED: Style = Style {
    bold: true,
    ..Style::colour([0xf0, 0x50, 0x50])
};
const BLUE: Style = Style::colour([0x6c, 0xa8, 0xe8]);

const fn style(level: Level) -> Style {
    match level {
        Level::Ok => GREEN,
        Level::Info => BLUE,
        Level::Skip => Style::DIM,
        Level::Warn => YELLOW,
        Level::Fail => RED,
    }
}

/// The report as lines; `columns` is the terminal's width, `None`: text is not wrapped.
#[must_use]
pub fn render(report: &Report, columns: Option<usize>, palette: Option<Palette>) -> String {
    let width = columns.map(|columns| columns.saturating_sub(TEXT).max(NARROW));
    let mut lines = Vec::new();
    for section in report.findings.chunk_by(|a, b| a.section == b.section) {
        let Some(first) = section.first() else {
            continue;
        };
        lines.push(Line::styled(first.section.name(), Style::BOLD));
        let mut subject = None;
        for alike in section.chunk_by(goes_together) {
            let (Some(first), names) = (alike.first(), names(alike)) else {
                continue;
            };
            if first.subject.is_some() && first.subject != subject {
                subject.clone_from(&first.subject);
                let name = subject.as_deref().unwrap_or_default();
                lines.push(Line::styled("  ", Style::PLAIN).with(name, Style::BOLD));
            }
            match names {
                Some(names) => lines.extend(of_skipped(first, &names, width)),
                None => lines.extend(of_finding(first, width)),
            }
        }
        lines.push(Line::new());
    }
    lines.extend(ending(report, columns));
    let mut text = String::new();
    for line in lines {
        text.push_str(&palette.map_or_else(|| line.text(), |palette| line.render(palette)));
        text.push('\n');
    }
    text
}

/// What was skipped for one reason is one line.
fn goes_together(a: &Finding, b: &Finding) -> bool {
    a.level == Level::Skip
        && b.level == Level::Skip
        && (&a.text, &a.subject) == (&b.text, &b.subject)
}

/// The names of several findings.
fn names(findings: &[Finding]) -> Option<String> {
    let names: Vec<&str> = findings.iter().map(|finding| finding.check).collect();
    (names.len() > 1).then(|| names.join(", "))
}

fn of_skipped(first: &Finding, names: &str, width: Option<usize>) -> Vec<Line> {
    let head = Line::styled("  ", Style::PLAIN)
        .with(first.level.name(), style(first.level))
        .padded(TEXT);
    hanging(head, &format!("{names}: {}", first.text), width, Style::DIM)
}

fn of_finding(finding: &Finding, width: Option<usize>) -> Vec<Line> {
    let is_quiet = matches!(finding.level, Level::Skip);
    let text_style = if is_quiet { Style::DIM } else { Style::PLAIN };
    let head = Line::styled("  ", Style::PLAIN)
        .with(finding.level.name(), style(finding.level))
        .padded(LEVEL)
        .with(finding.check, Style::BOLD)
        .padded(TEXT - 1)
        .with(" ", Style::PLAIN);
    let mut lines = hanging(head, &finding.text, width, text_style);
    for step in &finding.fix {
        lines.extend(of_step(step, TEXT, width));
    }
    lines
}

/// A command is never broken: it is to be copied.
fn of_step(step: &Step, column: usize, width: Option<usize>) -> Vec<Line> {
    let margin = Line::new().padded(column);
    match step {
        Step::Run(command) => vec![margin.with("$ ", Style::DIM).with(command, BLUE)],
        Step::Do(what) => hanging(
            margin.with("→ ", Style::DIM),
            what,
            width.map(|width| width.saturating_sub(2)),
            Style::PLAIN,
        ),
    }
}

/// Text behind a head, its further lines below the first one's text.
fn hanging(head: Line, text: &str, width: Option<usize>, style: Style) -> Vec<Line> {
    let column = head.width();
    let mut lines = Vec::new();
    let parts = width.map_or_else(|| vec![text.to_owned()], |width| wrapped(text, width));
    for (index, part) in parts.into_iter().enumerate() {
        let start = if index == 0 {
            head.clone()
        } else {
            Line::new().padded(column)
        };
        lines.push(start.with(&part, style));
    }
    lines
}

fn ending(report: &Report, columns: Option<usize>) -> Vec<Line> {
    let mut sums = Line::new();
    for (level, noun) in [
        (Level::Fail, "failed"),
        (Level::Warn, "to look at"),
        (Level::Ok, "ok"),
        (Level::Info, "to know"),
        (Level::Skip, "not checked"),
    ] {
        let count = report.count(level);
        if count == 0 {
            continue;
        }
        if sums.width() > 0 {
            sums = sums.with(", ", Style::PLAIN);
        }
        sums = sums.with(&format!("{count} {noun}"), style(level));
    }
    let Some(worst) = report.worst() else {
        return vec![
            sums,
            Line::styled("Nothing is wrong that can be seen from here.", GREEN),
        ];
    };
    let label = match worst.level {
        Level::Fail => "First",
        Level::Ok | Level::Info | Level::Skip | Level::Warn => "Look at",
    };
    let width = columns.map(|columns| columns.saturating_sub(9).max(NARROW));
    let head = Line::styled(label, style(worst.level)).padded(9);
    let mut lines = vec![sums];
    lines.extend(hanging(
        head,
        &format!("{}, {}: {}", worst.section.name(), worst.check, worst.text),
        width,
        Style::BOLD,
    ));
    for step in &worst.fix {
        lines.extend(of_step(step, 9, width));
    }
    lines
}
