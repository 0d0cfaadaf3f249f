//! The page about the effects, from the table that the engine itself goes by.

use std::fmt::{self, Write as _};

use crate::light::effect::{EFFECTS, Info, Param, ParamValue};

const HEAD: &str = "\
<!-- Written by `piglow-node gallery --out docs`; what is changed here by hand is lost. -->

# Effects

![All effects at a glance](contact-sheet.png)

An effect is shown when its name is sent; its parameters go beside it, and what is not said has its default:

```sh
piglow-node send comet
piglow-node send '{\"effect\":\"comet\",\"color\":\"#00a0ff\",\"params\":{\"passes_per_minute\":30}}'
```

Every picture below is the engine's own, at its default brightness limit, with parameters left alone where that shows
anything: the gauge is sent values, the countdown is a short one, and the load is that of a machine made up to be busy.
";

/// The page, as Markdown; its pictures are the files beside it in `effects/`.
#[must_use]
pub fn effects_page() -> String {
    let mut page = HEAD.to_owned();
    for info in &EFFECTS {
        // A `String` takes whatever is written.
        section(&mut page, info).unwrap_or_default();
    }
    page
}

fn section(page: &mut String, info: &Info) -> fmt::Result {
    let Info { name, summary, .. } = info;
    let colour = if info.takes_colour {
        "Takes a `color`."
    } else {
        "Has colours of its own."
    };
    write!(
        page,
        "\n## {name}\n\n![{name}](effects/{name}.png)\n\n{}. {colour}\n",
        sentence(summary)
    )?;
    if info.params.is_empty() {
        return Ok(());
    }
    page.push_str("\n| parameter | what it is | allowed | default |\n|---|---|---|---|\n");
    for param in info.params {
        let Param { name, summary, .. } = param;
        writeln!(
            page,
            "| `{name}` | {summary} | {} | {} |",
            param.expected(),
            default(param)
        )?;
    }
    Ok(())
}

fn sentence(fragment: &str) -> String {
    let mut letters = fragment.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

fn default(param: &Param) -> String {
    match param.default_value() {
        ParamValue::Number(number) => number.to_string(),
        ParamValue::Text(text) => format!("`{text}`"),
    }
}
