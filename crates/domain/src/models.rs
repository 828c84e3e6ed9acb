//! Names of models, as operators and workers write them.

/// The models that somebody serves: each a name or, with `*` at its end, the beginning of names. None at all is every
/// model.
///
/// ```
/// use parlor_domain::ModelNames;
///
/// let names = ModelNames::new(["claude-*", "gpt-4o"]);
/// assert!(names.contains(Some("claude-haiku")) && names.contains(Some("gpt-4o")));
/// assert!(!names.contains(Some("gpt-4o-mini")));
/// assert!(names.contains(None), "whoever names no model takes any");
/// assert!(ModelNames::default().contains(Some("anything")));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelNames(Vec<String>);

impl ModelNames {
    /// These names.
    pub fn new<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// Whether every model is meant.
    pub fn is_every(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `model` is among them. No model is a request that takes any.
    pub fn contains(&self, model: Option<&str>) -> bool {
        let Some(model) = model else { return true };
        self.is_every() || self.0.iter().any(|name| name_fits(name, model))
    }

    /// The names as they were written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Those that are whole names.
    pub fn whole(&self) -> impl Iterator<Item = &str> {
        self.iter().filter(|name| !name.ends_with('*'))
    }
}

/// Whether `name`, which may be the beginning of names, is `model`'s.
pub(crate) fn name_fits(name: &str, model: &str) -> bool {
    match name.strip_suffix('*') {
        Some(beginning) => model.starts_with(beginning),
        None => name == model,
    }
}

/// Of the entries whose name fits `model`, the one that counts: the longest name; of equal ones, a whole one; of the
/// same, the first.
pub(crate) fn best_fit<'a, T>(
    entries: impl IntoIterator<Item = &'a T>,
    name: impl Fn(&T) -> &str,
    model: &str,
) -> Option<&'a T> {
    let rank = |entry: &T| {
        let name = name(entry);
        (name.trim_end_matches('*').len(), !name.ends_with('*'))
    };
    let fitting = entries.into_iter().filter(|entry| name_fits(name(entry), model));
    fitting.reduce(|best, entry| if rank(entry) > rank(best) { entry } else { best })
}
