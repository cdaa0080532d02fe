use crate::leaf::{category, leaf};
use crate::text::joined;

category! {
    /// Errors of authentication and authorisation.
    pub enum SecurityError {
        /// The caller is not authenticated.
        Authentication(AuthenticationError),
        /// The caller lacks permission.
        Authorization(AuthorizationError),
    }
}

leaf! {
    /// The error returned if credentials are missing or wrong.
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
    /// Creates an error from the reason `message`, which must not contain the credentials.
    pub fn new(message: impl Into<String>) -> Self {
        Self::build(joined("authentication failed", &message.into()), ())
    }
}

leaf! {
    /// The error returned if the caller is authenticated but lacks permission.
    ///
    /// The request was refused before anything was done. The most common case is a lack of permission on the
    /// engine's socket; the hint is then [`SocketPermission`](crate::Hint::SocketPermission).
    pub struct AuthorizationError(());
    code: AUTHORIZATION_FAILED,
    category: "security",
    retryable: false,
    effect: NotApplied,
    user: |()| "This is not permitted.".to_owned(),
}

impl AuthorizationError {
    /// Creates an error from a description of the denied action.
    pub fn new(message: impl Into<String>) -> Self {
        Self::build(joined("permission denied", &message.into()), ())
    }
}
