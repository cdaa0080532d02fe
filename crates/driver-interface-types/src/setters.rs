/// Defines setter methods, each of which changes a value and returns it. Not part of the stable interface.
#[doc(hidden)]
#[macro_export]
macro_rules! setters {
    ($($(#[$docs:meta])+ $name:ident($self:ident $(, $argument:ident: $type:ty)*) $change:block)+) => {
        $(
            $(#[$docs])+
            #[must_use]
            pub fn $name(mut $self $(, $argument: $type)*) -> Self {
                $change
                $self
            }
        )+
    };
}
