//! The macros that implement the shared behaviour of all errors.

/// Implements `new` and the accessor of an error whose data is the id, name or path of one resource. `new` takes the
/// resource and the reason for the failure.
macro_rules! about {
    ($Error:ident, $resource:ident, $described:literal, $prefix:literal) => {
        impl $Error {
            #[doc = concat!("Creates an error from ", $described, " and the reason.")]
            pub fn new($resource: impl Into<String>, message: impl Into<String>) -> Self {
                let $resource = $resource.into();
                let prefix = format!($prefix, $crate::text::clean(&$resource));
                Self::build(
                    $crate::text::joined(&prefix, &message.into()),
                    $resource.clone(),
                )
                .with_context(stringify!($resource), $resource)
            }

            #[doc = concat!("Returns ", $described, ".")]
            pub fn $resource(&self) -> &str {
                &self.body.data
            }
        }
    };
}

/// Declares an error class: the struct, its defaults, and all shared traits and builder methods.
///
/// The macro does not implement the constructor and the accessors of the error's data. Write these by hand or with
/// `about!`.
macro_rules! leaf {
    (
        $(#[$doc:meta])*
        pub struct $name:ident($data:ty);
        code: $code:ident,
        category: $category:literal,
        retryable: $retryable:literal,
        effect: $effect:ident,
        $(hint: $hint:ident,)?
        user: $user:expr,
        $(payload: $payload:expr,)?
    ) => {
        $(#[$doc])*
        ///
        /// | code | category | retryable | effect |
        /// |---|---|---|---|
        #[doc = concat!(
            "| `", stringify!($code), "` | ", $category, " | ", $retryable, " | ", stringify!($effect), " |"
        )]
        ///
        /// `retryable` and `effect` are defaults. A hint or a `with_…` method can override them for a single error.
        #[derive(Clone)]
        pub struct $name {
            body: Box<$crate::common::Body<$data>>,
        }

        impl $name {
            fn build(message: String, data: $data) -> Self {
                let hint = $crate::leaf::optional!($($crate::Hint::$hint)?);
                let common = $crate::common::Common::new(message, hint);
                Self { body: Box::new($crate::common::Body { common, data }) }
            }
        }

        impl $crate::common::Described for $name {
            fn spec(&self) -> &'static $crate::common::Spec {
                const SPEC: &$crate::common::Spec = &$crate::common::Spec {
                    name: stringify!($name),
                    code: $crate::codes::$code,
                    category: $category,
                    retryable: $retryable,
                    effect: $crate::Effect::$effect,
                };
                SPEC
            }

            fn common(&self) -> &$crate::common::Common {
                &self.body.common
            }

            fn common_mut(&mut self) -> &mut $crate::common::Common {
                &mut self.body.common
            }

            fn payload(&self) -> $crate::common::Payload<'_> {
                let payload: Option<fn(&$data) -> $crate::common::Payload<'_>> =
                    $crate::leaf::optional!($($payload)?);
                payload.map_or($crate::common::Payload::None, |payload| payload(&self.body.data))
            }

            fn class_sentence(&self) -> String {
                let sentence: fn(&$data) -> String = $user;
                sentence(&self.body.data)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::common::display(self, f)
            }
        }

        impl std::error::Error for $name {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                self.body.common.below.source()
            }
        }

        $crate::leaf::shared!($name);
    };
}

/// Declares an enum whose variants each hold an error of this crate and delegate to it.
macro_rules! transparent {
    (
        $(#[$doc:meta])*
        pub enum $name:ident {
            $($(#[$variant_doc:meta])* $variant:ident($inner:ident),)+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, thiserror::Error)]
        #[non_exhaustive]
        pub enum $name {
            $(
                $(#[$variant_doc])*
                #[error(transparent)]
                $variant(#[from] $inner),
            )+
        }

        impl $crate::common::Described for $name {
            fn spec(&self) -> &'static $crate::common::Spec {
                match self { $(Self::$variant(inner) => inner.spec(),)+ }
            }

            fn common(&self) -> &$crate::common::Common {
                match self { $(Self::$variant(inner) => inner.common(),)+ }
            }

            fn common_mut(&mut self) -> &mut $crate::common::Common {
                match self { $(Self::$variant(inner) => inner.common_mut(),)+ }
            }

            fn payload(&self) -> $crate::common::Payload<'_> {
                match self { $(Self::$variant(inner) => inner.payload(),)+ }
            }

            fn class_sentence(&self) -> String {
                match self { $(Self::$variant(inner) => inner.class_sentence(),)+ }
            }
        }

        $crate::leaf::shared!($name);
    };
}

/// Declares a category: a transparent enum of leaf errors. Each leaf also converts into a `DriverError` with `?`.
macro_rules! category {
    (
        $(#[$doc:meta])*
        pub enum $name:ident {
            $($(#[$variant_doc:meta])* $variant:ident($leaf:ident),)+
        }
    ) => {
        $crate::leaf::transparent! {
            $(#[$doc])*
            pub enum $name {
                $($(#[$variant_doc])* $variant($leaf),)+
            }
        }

        $(
            impl From<$leaf> for $crate::DriverError {
                fn from(error: $leaf) -> Self {
                    $name::from(error).into()
                }
            }
        )+
    };
}

/// Implements the behaviour shared by leaves, categories and `DriverError`.
macro_rules! shared {
    ($name:ident) => {
        impl $crate::ErrorInfo for $name {}

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::info::debug(self, f)
            }
        }

        /// Serialises the error as its [`ErrorReport`](crate::ErrorReport).
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serde::Serialize::serialize(&$crate::ErrorInfo::to_report(self), serializer)
            }
        }

        impl $name {
            /// Sets the error that caused this error. Without a hint, `source()` returns the cause. With a hint,
            /// `source()` returns a [`Remedy`](crate::Remedy), and the `source()` of the remedy returns the cause.
            #[must_use]
            pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
                let source = std::sync::Arc::new(source);
                $crate::common::Described::common_mut(&mut self)
                    .below
                    .set_source(source);
                self
            }

            /// Adds a field to the context, such as `("session", id)`. A key that is already set keeps its value.
            #[must_use]
            pub fn with_context(mut self, key: impl Into<String>, value: impl std::fmt::Display) -> Self {
                $crate::common::Described::common_mut(&mut self)
                    .context
                    .set_field(key, value);
                self
            }

            /// Sets the driver's name. A name that is already set is kept, so the innermost layer decides.
            #[must_use]
            pub fn with_driver(mut self, driver: impl Into<String>) -> Self {
                $crate::common::Described::common_mut(&mut self)
                    .context
                    .set_driver(driver);
                self
            }

            /// Sets the operation's name. A name that is already set is kept, so the innermost layer decides.
            #[must_use]
            pub fn with_operation(mut self, operation: impl Into<String>) -> Self {
                $crate::common::Described::common_mut(&mut self)
                    .context
                    .set_operation(operation);
                self
            }

            /// Sets the hint: the well-known cause of the error. A hint may rule out a retry and determine the
            /// effect.
            ///
            /// See [`Hint`](crate::Hint) for the causes. If a hint is already set, the new hint replaces the old
            /// hint.
            #[must_use]
            pub fn with_hint(mut self, hint: $crate::Hint) -> Self {
                $crate::common::Described::common_mut(&mut self)
                    .below
                    .set_hint(hint);
                self
            }

            /// Sets whether the engine may have carried out the call. Overrides the defaults of the class and the hint.
            #[must_use]
            pub fn with_effect(mut self, effect: $crate::Effect) -> Self {
                $crate::common::Described::common_mut(&mut self).effect = Some(effect);
                self
            }

            /// Sets whether a retry may help. Overrides the defaults of the class and the hint.
            #[must_use]
            pub fn with_retryable(mut self, retryable: bool) -> Self {
                $crate::common::Described::common_mut(&mut self).retryable = Some(retryable);
                self
            }

            /// Records that the error persisted after `attempts` attempts, and makes the error non-retryable.
            #[must_use]
            pub fn after_attempts(mut self, attempts: u32) -> Self {
                $crate::common::Described::common_mut(&mut self).attempts = Some(attempts);
                self
            }
        }
    };
}

macro_rules! optional {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

pub(crate) use {about, category, leaf, optional, shared, transparent};
