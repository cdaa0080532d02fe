/// Defines setter methods. Each method takes `self`, changes it and returns it. This macro is not part of the stable
/// interface.
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
