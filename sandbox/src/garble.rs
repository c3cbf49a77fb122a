//! An answer that is not what it should be: cut off, of other types, without members, with values nobody knows.

use serde_json::{Value, json};

/// SplitMix64: the same rolls for a seed, on every machine.
pub struct Dice(pub u64);

impl Dice {
    /// From 0, less than `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) as usize % sides
    }
}

const TEXTS: &[&str] = &[
    "",
    " ",
    "NEW_IN_2031",
    "-1",
    "1e300",
    "é\u{1f980}\u{202e}",
    "arn:aws:::",
    "arn:aws:iam::999999999999:role/",
    "/",
    "{}",
    "%7B%22",
    "%zz",
    "sha256:",
    "o-",
    "000000000000",
    "2026-13-45T99:99:99Z",
];

/// The same answer, spoilt in a way that depends on the seed and on nothing else but the answer.
pub fn garble(body: &[u8], seed: u64) -> Vec<u8> {
    let mut dice = Dice(seed.wrapping_add(body.len() as u64));
    let at = dice.roll(body.len() + 1);
    match dice.roll(12) {
        0 => return body[..at].to_vec(),
        1 => return Vec::new(),
        2 => return [&body[..at], b"\xff\x00{<".as_slice(), &body[at..]].concat(),
        3 => return b"<html><body>Service Unavailable</body></html>".to_vec(),
        _ => {}
    }
    if let Ok(mut value) = serde_json::from_slice::<Value>(body) {
        for _ in 0..=dice.roll(2) {
            spoil(&mut dice, &mut value);
        }
        return value.to_string().into_bytes();
    }
    elements(&mut dice, &String::from_utf8_lossy(body)).into_bytes()
}

/// Changes one value somewhere in a JSON document.
fn spoil(dice: &mut Dice, document: &mut Value) {
    let mut all = Vec::new();
    pointers(document, String::new(), &mut all);
    let Some(pointer) = (!all.is_empty()).then(|| all[dice.roll(all.len())].clone()) else {
        *document = json!(null);
        return;
    };
    if dice.roll(3) == 0 {
        return remove(document, &pointer);
    }
    let Some(value) = document.pointer_mut(&pointer) else { return };
    *value = match dice.roll(9) {
        0 => json!(null),
        1 => json!({}),
        2 => json!([]),
        3 => json!(-1),
        4 => json!(1e300),
        5 => json!(true),
        6 => json!([value.clone(), value.clone()]),
        7 => json!({"x": value.clone()}),
        _ => json!(TEXTS[dice.roll(TEXTS.len())]),
    };
}

fn pointers(value: &Value, here: String, all: &mut Vec<String>) {
    let mut visit = |name: String, value: &Value| {
        let pointer = format!("{here}/{name}");
        all.push(pointer.clone());
        pointers(value, pointer, all);
    };
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| visit(name.replace('~', "~0").replace('/', "~1"), value));
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| visit(at.to_string(), value)),
        _ => {}
    }
}

fn remove(document: &mut Value, pointer: &str) {
    let (parent, last) = pointer.rsplit_once('/').unwrap_or_default();
    match document.pointer_mut(parent) {
        Some(Value::Object(members)) => {
            members.remove(&last.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(items)) => {
            last.parse().ok().filter(|at: &usize| *at < items.len()).map(|at| items.remove(at));
        }
        _ => {}
    }
}

/// Changes one element of an XML document that has only text in it, or its text.
fn elements(dice: &mut Dice, text: &str) -> String {
    let ends: Vec<usize> = text.match_indices("</").map(|(at, _)| at).collect();
    if ends.is_empty() {
        return TEXTS[dice.roll(TEXTS.len())].to_owned();
    }
    let end = ends[dice.roll(ends.len())];
    let from = text[..end].rfind('>').map_or(end, |at| at + 1);
    let open = text[..from].rfind('<').unwrap_or(from);
    let close = text[end..].find('>').map_or(text.len(), |at| end + at + 1);
    match dice.roll(4) {
        0 => format!("{}{}", &text[..open], &text[close..]),
        1 => format!("{}<x/>{}", &text[..from], &text[end..]),
        2 => format!("{}{}{}", &text[..close], &text[open..close], &text[close..]),
        _ => format!("{}{}{}", &text[..from], TEXTS[dice.roll(TEXTS.len())], &text[end..]),
    }
}

#[cfg(test)]
mod tests {
    use super::garble;

    #[test]
    fn every_seed_spoils_it_and_always_alike() {
        for body in [r#"{"a": [1, {"b/c": "x"}], "d": null}"#, "<A><B>x</B><C/></A>", "", "[]"] {
            let spoilt = (0..500).filter(|seed| {
                let one = garble(body.as_bytes(), *seed);
                assert_eq!(one, garble(body.as_bytes(), *seed));
                one != body.as_bytes()
            });
            assert!(body.is_empty() || spoilt.count() > 400, "{body}");
        }
    }
}
