use crate::leaf::{category, leaf};
use crate::text::joined;

category! {
    /// Groups what concerns who the caller is and what they may do.
    pub enum SecurityError {
        /// Nobody knows who is asking.
        Authentication(AuthenticationError),
        /// Whoever asks may not do this.
        Authorization(AuthorizationError),
    }
}

leaf! {
    /// Says that credentials are missing or wrong.
    ///
    /// The request was refused before anything was done.
    pub struct AuthenticationError(());
    code: AUTHENTICATION_FAILED,
    category: "security",
    retryable: false,
    effect: NotApplied,
    user: |()| "Signing in to the container service failed.".to_owned(),
}

impl AuthenticationError {
    /// Makes one from the reason, which must not hold the credentials.
    pub fn new(message: impl Into<String>) -> Self {
        Self::build(joined("authentication failed", &message.into()), ())
    }
}

leaf! {
    /// Says that the caller is known but may not do this.
    ///
    /// The request was refused before anything was done. No permission on the engine's socket is the most
    /// common one; then the hint is [`SocketPermission`](crate::Hint::SocketPermission).
    pub struct AuthorizationError(());
    code: AUTHORIZATION_FAILED,
    category: "security",
    retryable: false,
    effect: NotApplied,
    user: |()| "This is not permitted.".to_owned(),
}

impl AuthorizationError {
    /// Makes one from what is not permitted.
    pub fn new(message: impl Into<String>) -> Self {
        Self::build(joined("permission denied", &message.into()), ())
    }
}
