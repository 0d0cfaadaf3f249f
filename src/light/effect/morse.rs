//! A short text in Morse code.
//!
//! Signs and timing are those of ITU-R M.1677-1: a dash is three dots long, the space between the signs of a letter one,
//! between letters three, between words seven; the text repeats after a space between words. A word a minute is fifty
//! dots (`PARIS` and the space after it).

use std::time::Duration;

use super::geometry::RINGS;
use super::rhythm::nanos;
use super::{Canvas, Change, Moment, Param, ParamKind, tinted};

/// The parameters of `morse`.
pub(super) const MORSE: &[Param] = &[
    Param {
        name: "text",
        summary: "what it says",
        kind: ParamKind::Text {
            max: super::params::TEXT_MAX,
            default: "SOS",
            allowed: "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:?'-/()\"=+@",
            allowed_summary: "A–Z, 0–9, space and . , : ? ' - / ( ) \" = + @",
        },
    },
    Param::number(
        "words_per_minute",
        "how fast",
        "words per minute",
        (5.0, 30.0),
        10.0,
    ),
];

/// The nanoseconds of a dot at one word a minute.
const DOT_NANOS: f64 = 60e9 / 50.0;

/// The shortest dots that may light all of a colour: a dot and a space are a third of a second.
const SLOW_DOT_NANOS: u64 = 166_666_667;

/// The board's mean intensity under faster dots, below the tenth of full that counts as a flash.
const FAINT: f32 = 0.095;

/// A lamp in the middle.
const LAMP: [f32; RINGS] = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0];

pub(super) fn paint(moment: &Moment<'_>) -> Canvas {
    let (lit, _) = key(moment);
    if !lit {
        return Canvas::DARK;
    }
    let rings = moment.rings_or(LAMP);
    let mean = rings.into_iter().sum::<f32>() / RINGS as f32;
    let level = if dot(moment) >= SLOW_DOT_NANOS || mean <= FAINT {
        1.0
    } else {
        FAINT / mean
    };
    tinted(rings, |_| level)
}

pub(super) fn change(moment: &Moment<'_>) -> Change {
    let (_, left) = key(moment);
    Change::At(moment.elapsed + Duration::from_nanos(left))
}

/// Whether the key is down, and for how many nanoseconds it stays so.
fn key(moment: &Moment<'_>) -> (bool, u64) {
    let (text, dot) = (moment.params.text(0), dot(moment));
    let length: u64 = spans(text).map(|(_, dots)| dots).sum();
    let mut into = nanos(moment.elapsed) % (length * dot).max(1);
    for (lit, dots) in spans(text) {
        if into < dots * dot {
            return (lit, dots * dot - into);
        }
        into -= dots * dot;
    }
    // No text, no signs.
    (false, dot)
}

/// The length of a dot in nanoseconds.
fn dot(moment: &Moment<'_>) -> u64 {
    ((DOT_NANOS / f64::from(moment.params.number(1))) as u64).max(1)
}

/// Key down and key up in turn, each with its length in dots; it ends with the space after a word.
fn spans(text: &str) -> impl Iterator<Item = (bool, u64)> {
    text.split(' ')
        .filter(|word| !word.is_empty())
        .flat_map(|word| {
            word.char_indices().flat_map(move |(place, letter)| {
                let signs = signs(letter);
                let after_letter = if place + letter.len_utf8() == word.len() {
                    7
                } else {
                    3
                };
                signs.char_indices().flat_map(move |(place, sign)| {
                    let down = if sign == '-' { 3 } else { 1 };
                    let last = place + 1 == signs.len();
                    [(true, down), (false, if last { after_letter } else { 1 })]
                })
            })
        })
}

/// The dots and dashes of a character; what has none is left out.
const fn signs(letter: char) -> &'static str {
    match letter {
        'A' => ".-",
        'B' => "-...",
        'C' => "-.-.",
        'D' => "-..",
        'E' => ".",
        'F' => "..-.",
        'G' => "--.",
        'H' => "....",
        'I' => "..",
        'J' => ".---",
        'K' => "-.-",
        'L' => ".-..",
        'M' => "--",
        'N' => "-.",
        'O' => "---",
        'P' => ".--.",
        'Q' => "--.-",
        'R' => ".-.",
        'S' => "...",
        'T' => "-",
        'U' => "..-",
        'V' => "...-",
        'W' => ".--",
        'X' => "-..-",
        'Y' => "-.--",
        'Z' => "--..",
        '0' => "-----",
        '1' => ".----",
        '2' => "..---",
        '3' => "...--",
        '4' => "....-",
        '5' => ".....",
        '6' => "-....",
        '7' => "--...",
        '8' => "---..",
        '9' => "----.",
        '.' => ".-.-.-",
        ',' => "--..--",
        ':' => "---...",
        '?' => "..--..",
        '\'' => ".----.",
        '-' => "-....-",
        '/' => "-..-.",
        '(' => "-.--.",
        ')' => "-.--.-",
        '"' => ".-..-.",
        '=' => "-...-",
        '+' => ".-.-.",
        '@' => ".--.-.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Effect, Inputs, Kind, ParamValue};
    use super::*;

    fn saying(text: &str, words_per_minute: f64) -> Effect {
        let mut effect = Effect::new(Kind::Morse);
        for (name, value) in [
            ("text", ParamValue::Text(text)),
            ("words_per_minute", ParamValue::Number(words_per_minute)),
        ] {
            effect.params.set(MORSE, name, value).unwrap();
        }
        effect
    }

    /// The edges of the key within this time: when it changes, in milliseconds, and whether it is then down.
    fn edges(effect: &Effect, until: Duration) -> Vec<(u128, bool)> {
        let inputs = Inputs::default();
        let mut edges = Vec::new();
        let mut elapsed = Duration::ZERO;
        while elapsed < until {
            let lit = effect.paint(elapsed, &inputs) != Canvas::DARK;
            edges.push((elapsed.as_millis(), lit));
            let Change::At(next) = effect.next_change(elapsed, &inputs) else {
                panic!("the key never rests for good");
            };
            elapsed = next;
        }
        edges
    }

    #[test]
    fn sos_is_timed_as_the_recommendation_says() {
        // At 12 words a minute a dot takes 100 ms.
        let mut expected = Vec::new();
        let mut at = 0;
        for (down, up) in [
            (1, 1),
            (1, 1),
            (1, 3),
            (3, 1),
            (3, 1),
            (3, 3),
            (1, 1),
            (1, 1),
            (1, 7),
        ] {
            expected.push((at * 100, true));
            expected.push(((at + down) * 100, false));
            at += down + up;
        }
        assert_eq!(at, 34);
        let got = edges(&saying("SOS", 12.0), Duration::from_millis(3400));
        assert_eq!(got, expected);
        let again = edges(&saying("SOS", 12.0), Duration::from_millis(3401));
        assert_eq!(again.last(), Some(&(3400, true)));
    }

    #[test]
    fn paris_is_fifty_dots() {
        assert_eq!(spans("PARIS").map(|(_, dots)| dots).sum::<u64>(), 50);
        let two_words: u64 = spans("PARIS PARIS").map(|(_, dots)| dots).sum();
        assert_eq!(two_words, 100);
    }

    #[test]
    fn every_allowed_character_but_space_has_signs() {
        let ParamKind::Text { allowed, .. } = MORSE[0].kind else {
            panic!("the text is a text");
        };
        for letter in allowed.chars().filter(|letter| *letter != ' ') {
            assert!(!signs(letter).is_empty(), "{letter}");
        }
    }
}
