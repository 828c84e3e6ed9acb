//! The table: what Parlor took, what the reference took, their ratio, and the goal.

use std::fmt::Write as _;

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bound {
    /// It or less.
    AtMost(f64),
    /// It or more.
    AtLeast(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(limit) => format!("≤ {limit}"),
            Self::AtLeast(limit) => format!("≥ {limit}"),
        }
    }
}

/// One kind of figure that a part takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    /// What it is.
    pub(crate) name: &'static str,
    /// In what.
    pub(crate) unit: &'static str,
    /// What Parlor's figure should be.
    pub(crate) value_goal: Option<Bound>,
    /// What Parlor's figure over the reference's should be.
    pub(crate) ratio_goal: Option<Bound>,
}

impl Measure {
    /// A figure without a goal.
    pub(crate) const fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, value_goal: None, ratio_goal: None }
    }

    /// The same with a goal for Parlor's figure.
    pub(crate) const fn value(self, goal: Bound) -> Self {
        Self { value_goal: Some(goal), ..self }
    }

    /// The same with a goal for the ratio.
    pub(crate) const fn ratio(self, goal: Bound) -> Self {
        Self { ratio_goal: Some(goal), ..self }
    }
}

/// What one run of one case gave.
pub(crate) type Figures = Vec<(Measure, f64)>;

/// A line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Which part and case.
    pub(crate) case: String,
    /// What was measured.
    pub(crate) measure: Measure,
    /// The server's figure; none where only the reference ran.
    pub(crate) parlor: Option<f64>,
    /// The reference's; none where there is nothing to compare with.
    pub(crate) reference: Option<f64>,
}

impl Row {
    /// Parlor's figure over the reference's; none where that is nothing, or less by the machine's noise.
    fn ratio(&self) -> Option<f64> {
        let reference = self.reference.filter(|value| *value > 0.0)?;
        Some(self.parlor? / reference)
    }

    /// Whether every goal holds; none where there is none or no figure for it.
    fn met(&self) -> Option<bool> {
        let value = self.measure.value_goal.zip(self.parlor).map(|(goal, value)| goal.holds(value));
        let ratio = self.measure.ratio_goal.zip(self.ratio()).map(|(goal, ratio)| goal.holds(ratio));
        match (value, ratio) {
            (Some(a), Some(b)) => Some(a && b),
            (one, other) => one.or(other),
        }
    }

    fn goal(&self) -> String {
        let ratio = self.measure.ratio_goal.map(|goal| goal.text() + "×");
        let value = self.measure.value_goal.map(Bound::text);
        [ratio, value].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn cells(&self) -> [String; 7] {
        let met = match self.met() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        };
        [
            self.case.clone(),
            format!("{}, {}", self.measure.name, self.measure.unit),
            number(self.parlor),
            number(self.reference),
            self.ratio().map_or_else(String::new, |ratio| format!("{ratio:.2}×")),
            self.goal(),
            met.to_owned(),
        ]
    }
}

const TITLES: [&str; 7] = ["case", "figure", "Parlor", "reference", "ratio", "goal", "met"];

/// Three significant digits, and thousands apart.
fn number(value: Option<f64>) -> String {
    let Some(value) = value else { return "–".to_owned() };
    match value.abs() {
        huge if huge >= 1_000.0 => {
            let digits = format!("{value:.0}");
            let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
            groups.join(",")
        }
        large if large >= 100.0 => format!("{value:.0}"),
        medium if medium >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The table as plain text with aligned columns.
pub(crate) fn plain(rows: &[Row]) -> String {
    let lines: Vec<[String; 7]> =
        std::iter::once(TITLES.map(str::to_owned)).chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..TITLES.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let mut out = String::new();
        for (column, cell) in line.iter().enumerate() {
            let gap = " ".repeat(widths[column] - cell.chars().count());
            // Figures stand to the right, words to the left.
            let _ = if (2..=4).contains(&column) {
                write!(out, "{gap}{cell}  ")
            } else {
                write!(out, "{cell}{gap}  ")
            };
        }
        text.push_str(out.trim_end());
        text.push('\n');
    }
    text
}

/// The table in Markdown.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = format!("| {} |\n|---|---|---:|---:|---:|---|---|\n", TITLES.join(" | "));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.cells().join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: Measure =
        Measure::new("server CPU", "µs").value(Bound::AtMost(0.55)).ratio(Bound::AtMost(1.25));

    fn row(parlor: Option<f64>, reference: Option<f64>) -> Row {
        Row { case: "fanout".to_owned(), measure: CPU, parlor, reference }
    }

    #[test]
    fn a_goal_is_met_only_where_value_and_ratio_hold() {
        assert_eq!(row(Some(0.5), Some(0.4)).met(), Some(true));
        assert_eq!(row(Some(0.5), Some(0.3)).met(), Some(false));
        assert_eq!(row(Some(0.6), Some(0.6)).met(), Some(false));
        assert_eq!(row(None, Some(0.4)).met(), None);
        assert_eq!(row(Some(0.5), None).met(), Some(true));
    }

    #[test]
    fn numbers_are_short_and_grouped() {
        let check = |value, text: &str| assert_eq!(number(Some(value)), text);
        check(0.404, "0.40");
        check(12.34, "12.3");
        check(999.4, "999");
        check(1_234_567.0, "1,234,567");
        check(100_000.4, "100,000");
        assert_eq!(number(None), "–");
    }

    #[test]
    fn both_forms_show_each_figure() {
        let rows = [row(Some(0.5), Some(0.4)), row(None, Some(0.4))];
        assert!(
            markdown(&rows)
                .contains("| fanout | server CPU, µs | 0.50 | 0.40 | 1.25× | ≤ 1.25×, ≤ 0.55 | yes |")
        );
        assert_eq!(plain(&rows).lines().count(), 3);
    }
}
