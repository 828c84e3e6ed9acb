//! How PostgreSQL changes many rows in one statement: each column travels as one array, so that the statement's text is
//! the same for any number of rows and is prepared once a connection.

/// Defines a statement on arrays: its name, the text before them, each column with its SQL type and its Rust type,
/// the text after them.
macro_rules! bulk {
    ($name:ident $before:literal { $($column:ident: $sql:ty = $rust:ty,)* } $after:expr) => {
        #[derive(Debug, Default)]
        struct $name<'a> {
            $($column: Vec<$rust>,)*
            borrowed: std::marker::PhantomData<&'a ()>,
        }

        impl QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl QueryFragment<Pg> for $name<'_> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                out.push_sql($before);
                let mut separator = "";
                $(
                    out.push_sql(separator);
                    out.push_bind_param::<Array<$sql>, _>(&self.$column)?;
                    separator = ", ";
                )*
                let _ = separator;
                out.push_sql($after);
                Ok(())
            }
        }
    };
}

pub(crate) use bulk;
