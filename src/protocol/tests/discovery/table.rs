//! The table of entities in the documents, held against the message.

use std::collections::BTreeMap;

use super::{components, full};

const PAGE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/docs/home-assistant.md"
));

/// The rows of the table by the ids in their first cell; `led_1` … `led_18` is one row.
fn rows() -> BTreeMap<String, Vec<String>> {
    let mut rows = BTreeMap::new();
    for line in PAGE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<String> = line
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect();
        let quoted: Vec<&str> = cells[0].split('`').skip(1).step_by(2).collect();
        let ids = match (cells[0].contains('…'), quoted.as_slice()) {
            (true, [first, last]) => {
                let (stem, from) = first.rsplit_once('_').unwrap();
                let to: u32 = last.rsplit_once('_').unwrap().1.parse().unwrap();
                (from.parse().unwrap()..=to)
                    .map(|number| format!("{stem}_{number}"))
                    .collect()
            }
            _ => quoted.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>(),
        };
        for id in ids {
            assert!(
                rows.insert(id.clone(), cells.clone()).is_none(),
                "{id} twice"
            );
        }
    }
    rows
}

#[test]
fn the_table_has_a_row_for_each_entity_with_its_platform_and_topics() {
    let mut rows = rows();
    for component in components(&full()) {
        let row = rows
            .remove(&component.id)
            .unwrap_or_else(|| panic!("no row for {}", component.id));
        assert_eq!(row.len(), 5, "{row:?}");
        assert_eq!(row[1], component.platform(), "{}", component.id);
        for key in ["command_topic", "state_topic"] {
            let topic = component.text(key);
            let Some(leaf) = topic.strip_prefix("piglow/attic/") else {
                continue;
            };
            let general = general(leaf);
            let cell = if key == "command_topic" {
                &row[2]
            } else {
                &row[3]
            };
            assert!(
                cell.contains(&format!("`{general}`")),
                "{}: {cell} lacks {general}",
                component.id
            );
        }
        assert!(row[4].len() > 10, "{}: what it does", component.id);
    }
    assert!(rows.is_empty(), "rows without an entity: {:?}", rows.keys());
}

/// The topic with the name of an arm, a ring or an LED left open.
fn general(leaf: &str) -> String {
    for part in ["arm", "ring", "led"] {
        if let Some(rest) = leaf.strip_prefix(&format!("light/{part}/")) {
            let (_, end) = rest.split_once('/').unwrap();
            return format!("light/{part}/…/{end}");
        }
    }
    leaf.to_owned()
}
