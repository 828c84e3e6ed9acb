//! From samples to figures.

use std::time::Duration;

/// The value below which a `share` (0 to 1) of the samples lies; 0 where there is none. Sorts them.
pub(crate) fn percentile(samples: &mut [u64], share: f64) -> f64 {
    samples.sort_unstable();
    let last = samples.len().saturating_sub(1);
    samples.get((last as f64 * share).round() as usize).map_or(0.0, |value| *value as f64)
}

/// The middle of `values`; the mean of the two in the middle where their number is even. NaN where there is none.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// Microseconds of `time` for each of `count`.
pub(crate) fn micros_each(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_few_and_of_many() {
        assert!(percentile(&mut [], 0.5).abs() < f64::EPSILON);
        let mut samples: Vec<u64> = (1..=101).rev().collect();
        assert!((percentile(&mut samples, 0.5) - 51.0).abs() < f64::EPSILON);
        assert!((percentile(&mut samples, 0.99) - 100.0).abs() < f64::EPSILON);
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&mut [4.0, 1.0]) - 2.5).abs() < f64::EPSILON);
    }
}
