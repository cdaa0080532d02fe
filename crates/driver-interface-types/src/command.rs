//! The types accepted as a command.

/// A list of strings, such as `["echo", "hello"]`: a program and its arguments.
///
/// The trait is implemented for arrays, vectors and slices of anything that converts to a `String`. To pass an
/// iterator, collect it into a `Vec` first.
#[diagnostic::on_unimplemented(
    message = "a command is a list of strings, but `{Self}` is not",
    label = "expected a list of strings, such as `[\"echo\", \"hello\"]`",
    note = "for a shell command line, use `shell(\"echo hello | wc\")`",
    note = "collect an iterator into a `Vec` first"
)]
pub trait IntoCommand {
    /// Returns the program and its arguments.
    fn into_command(self) -> Vec<String>;
}

fn owned(words: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    words.into_iter().map(Into::into).collect()
}

impl<T: Into<String>, const N: usize> IntoCommand for [T; N] {
    fn into_command(self) -> Vec<String> {
        owned(self)
    }
}

impl<T: Into<String>> IntoCommand for Vec<T> {
    fn into_command(self) -> Vec<String> {
        owned(self)
    }
}

impl<T: Clone + Into<String>> IntoCommand for &[T] {
    fn into_command(self) -> Vec<String> {
        owned(self.iter().cloned())
    }
}

impl<T: Clone + Into<String>, const N: usize> IntoCommand for &[T; N] {
    fn into_command(self) -> Vec<String> {
        self.as_slice().into_command()
    }
}

impl<T: Clone + Into<String>> IntoCommand for &Vec<T> {
    fn into_command(self) -> Vec<String> {
        self.as_slice().into_command()
    }
}

/// Converts key-value pairs to pairs of strings, for the setters that accept several pairs.
pub(crate) fn pairs(
    all: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
) -> impl Iterator<Item = (String, String)> {
    all.into_iter().map(|(key, value)| (key.into(), value.into()))
}
