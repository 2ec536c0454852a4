//! Lengths of time for people.

use std::time::Duration;

/// A length of time to its two largest units, rounded down: `71 h 58 m`, `4 m 10 s`, `12 s`, `0 s`.
pub fn length(time: Duration) -> String {
    units(time, 2)
}

/// A length of time to the second, rounded down: `71 h 58 m 3 s`.
pub(super) fn seconds(time: Duration) -> String {
    units(time, usize::MAX)
}

fn units(time: Duration, count: usize) -> String {
    let seconds = time.as_secs();
    let units = [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let shown: Vec<_> = units
        .iter()
        .skip_while(|(number, _)| *number == 0)
        .take(count)
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number} {unit}"))
        .collect();
    if shown.is_empty() {
        "0 s".to_owned()
    } else {
        shown.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        for (millis, short, long) in [
            (0, "0 s", "0 s"),
            (999, "0 s", "0 s"),
            (12_000, "12 s", "12 s"),
            (250_900, "4 m 10 s", "4 m 10 s"),
            (3_600_000, "1 h", "1 h"),
            (3_605_000, "1 h", "1 h 5 s"),
            (259_080_000, "71 h 58 m", "71 h 58 m"),
            (259_083_000, "71 h 58 m", "71 h 58 m 3 s"),
        ] {
            let time = Duration::from_millis(millis);
            assert_eq!(
                (length(time).as_str(), seconds(time).as_str()),
                (short, long)
            );
        }
    }
}
