//! Reading JSON such that whatever is wrong is said with the name of the field.

use serde_json::Value;

/// A JSON value and where it stands, as in `optimizer.lr[1]`.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    value: &'a Value,
    path: String,
}

/// What is wrong with a file, beginning with the field.
pub(super) type Read<T> = Result<T, String>;

impl<'a> Reader<'a> {
    pub(super) fn new(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    /// An error at this place.
    pub(super) fn error<T>(&self, message: impl std::fmt::Display) -> Read<T> {
        let path = if self.path.is_empty() { "file" } else { &self.path };
        Err(format!("{path}: {message}"))
    }

    fn expected<T>(&self, what: &str) -> Read<T> {
        let text = self.value.to_string();
        let shown: String = text.chars().take(40).collect();
        let dots = if shown.len() < text.len() { "..." } else { "" };
        self.error(format_args!("expected {what}, found {shown}{dots}"))
    }

    fn child(&self, key: &str, value: &'a Value) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { value, path: format!("{}{dot}{key}", self.path) }
    }

    /// The field, if there is one and it is not null.
    pub(super) fn find(&self, key: &str) -> Read<Option<Self>> {
        match self.value {
            Value::Object(fields) => {
                Ok(fields.get(key).filter(|v| !v.is_null()).map(|value| self.child(key, value)))
            }
            _ => self.expected("an object"),
        }
    }

    pub(super) fn get(&self, key: &str) -> Read<Self> {
        match self.find(key)? {
            Some(field) => Ok(field),
            None => self.child(key, self.value).error("missing"),
        }
    }

    /// Fails on the first field that is not among the known ones.
    pub(super) fn only(&self, known: &[&str]) -> Read<()> {
        let Value::Object(fields) = self.value else { return self.expected("an object") };
        match fields.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((key, value)) => self.child(key, value).error("unknown setting"),
            None => Ok(()),
        }
    }

    pub(super) fn list(&self) -> Read<Vec<Self>> {
        let Value::Array(elements) = self.value else { return self.expected("a list") };
        Ok(elements
            .iter()
            .enumerate()
            .map(|(i, value)| Self { value, path: format!("{}[{i}]", self.path) })
            .collect())
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    pub(super) fn text(&self) -> Read<&'a str> {
        self.value.as_str().map_or_else(|| self.expected("text"), Ok)
    }

    pub(super) fn boolean(&self) -> Read<bool> {
        self.value.as_bool().map_or_else(|| self.expected("true or false"), Ok)
    }

    pub(super) fn number(&self) -> Read<f64> {
        match self.value.as_f64() {
            Some(x) if x.is_finite() => Ok(x),
            _ => self.expected("a finite number"),
        }
    }

    /// A whole number; `3.0` is one too.
    pub(super) fn count(&self) -> Read<usize> {
        match self.value.as_f64() {
            Some(x) if x >= 0.0 && x <= f64::from(u32::MAX) && x.fract() == 0.0 => Ok(x as usize),
            _ => self.expected("a whole number, not negative"),
        }
    }

    /// The nearest float32 of a number written as text, in float64.
    pub(super) fn float32(&self) -> Read<f64> {
        let text = match self.value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return self.expected("a number as text"),
        };
        match text.trim().parse::<f32>() {
            Ok(x) if x.is_finite() => Ok(f64::from(x)),
            _ => self.expected("a finite number as text"),
        }
    }

    pub(super) fn numbers(&self) -> Read<Vec<f64>> {
        self.list()?.iter().map(Self::number).collect()
    }

    /// Numbers of which there must be `length`.
    pub(super) fn vector(&self, length: usize) -> Read<Vec<f64>> {
        self.sized(length)?.iter().map(Self::number).collect()
    }

    pub(super) fn sized(&self, length: usize) -> Read<Vec<Self>> {
        let list = self.list()?;
        if list.len() != length {
            return self.error(format_args!("{} elements where {length} are needed", list.len()));
        }
        Ok(list)
    }

    /// Rows of one length, at least one row.
    pub(super) fn matrix(&self) -> Read<Vec<Vec<f64>>> {
        let rows = self.list()?;
        let Some(first) = rows.first() else { return self.error("no rows") };
        let length = first.list()?.len();
        rows.iter().map(|row| row.vector(length)).collect()
    }
}
