//! What a template may be made of. A list of what is allowed: whatever the language has or will have beside it is not.
//!
//! A template's text and work are bounded by its own length and its facts, because nothing in here makes a value that is
//! longer than those it is made of, and no value can be given a name and be used again.

use super::TEXT_MAX;
use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, ForLoop, Stmt};
use minijinja::machinery::{WhitespaceConfig, parse};
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, syntax::SyntaxConfig};
use parlor_domain::ports::PromptError;

/// What a template can speak of.
const VARIABLES: [&str; 5] = ["user", "room", "conversation", "now", "date"];
/// What can be done with a value.
const FILTERS: [&str; 11] =
    ["default", "d", "upper", "lower", "title", "capitalize", "trim", "length", "first", "last", "join"];
const JSON: &str = "tojson";
/// What can be asked of one.
const TESTS: [&str; 9] =
    ["defined", "undefined", "none", "true", "false", "string", "number", "sequence", "mapping"];

/// Gives an environment what [`check`] allows.
pub(super) fn add_to(environment: &mut Environment<'_>) {
    use minijinja::{filters, tests};
    environment.add_filter("default", filters::default);
    environment.add_filter("d", filters::default);
    environment.add_filter("upper", filters::upper);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("title", filters::title);
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("length", filters::length);
    environment.add_filter("first", filters::first);
    environment.add_filter("last", filters::last);
    environment.add_filter("join", join);
    environment.add_filter(JSON, json);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("undefined", tests::is_undefined);
    environment.add_test("none", tests::is_none);
    environment.add_test("true", tests::is_true);
    environment.add_test("false", tests::is_false);
    environment.add_test("string", tests::is_string);
    environment.add_test("number", tests::is_number);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("mapping", tests::is_mapping);
}

fn too_long() -> Error {
    Error::from(ErrorKind::WriteFailure)
}

/// The pieces of a list with `between` between them.
fn join(list: &Value, between: Option<&str>) -> Result<String, Error> {
    let between = between.unwrap_or_default();
    if list.is_undefined() || list.is_none() {
        return Ok(String::new());
    }
    let mut text = String::new();
    for (piece, place) in list.try_iter()?.zip(0..) {
        if place > 0 {
            text.push_str(between);
        }
        match piece.as_str() {
            Some(piece) => text.push_str(piece),
            None => text.push_str(&piece.to_string()),
        }
        if text.len() > TEXT_MAX {
            return Err(too_long());
        }
    }
    Ok(text)
}

fn json(value: &Value) -> Result<String, Error> {
    let text = serde_json::to_string(value);
    text.map_err(|_| Error::new(ErrorKind::BadSerialization, "it cannot be written as JSON"))
}

/// Whether a template is made of nothing else. Error: the line of what is not allowed.
pub(super) fn check(template: &str) -> Result<(), PromptError> {
    let syntax = SyntaxConfig;
    let parsed = parse(template, "prompt", syntax, WhitespaceConfig::default());
    let parsed = parsed.map_err(|error| super::told(&error))?;
    Check { own: Vec::new() }.statement(&parsed)
}

/// A walk through a template, with the names of the loops around.
struct Check<'a> {
    own: Vec<&'a str>,
}

type Checked = Result<(), PromptError>;

fn refused(line: u32, what: impl std::fmt::Display) -> Checked {
    Err(PromptError(format!("line {line}: {what}")))
}

impl<'a> Check<'a> {
    fn statements(&mut self, statements: &[Stmt<'a>]) -> Checked {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Stmt<'a>) -> Checked {
        let (line, word) = match statement {
            Stmt::Template(template) => return self.statements(&template.children),
            Stmt::EmitRaw(_) => return Ok(()),
            Stmt::EmitExpr(emitted) => return self.expression(&emitted.expr),
            Stmt::IfCond(branches) => {
                self.expression(&branches.expr)?;
                self.statements(&branches.true_body)?;
                return self.statements(&branches.false_body);
            }
            Stmt::ForLoop(each) => return self.each(each, each.span().start_line),
            Stmt::WithBlock(it) => (it.span().start_line, "with"),
            Stmt::Set(it) => (it.span().start_line, "set"),
            Stmt::SetBlock(it) => (it.span().start_line, "set"),
            Stmt::AutoEscape(it) => (it.span().start_line, "autoescape"),
            Stmt::FilterBlock(it) => (it.span().start_line, "filter"),
            Stmt::Do(it) => (it.span().start_line, "do"),
            #[allow(unreachable_patterns, reason = "what other features of the language would add")]
            _ => (1, "this"),
        };
        refused(u32::from(line), format!("`{word}` is not allowed"))
    }

    fn each(&mut self, each: &ForLoop<'a>, line: u16) -> Checked {
        if each.recursive {
            return refused(line.into(), "a recursive `for` is not allowed");
        }
        self.expression(&each.iter)?;
        let known = self.own.len();
        self.own.push("loop");
        self.targets(&each.target)?;
        each.filter_expr.iter().try_for_each(|only| self.expression(only))?;
        self.statements(&each.body)?;
        self.own.truncate(known);
        self.statements(&each.else_body)
    }

    /// The names that a loop gives.
    fn targets(&mut self, target: &Expr<'a>) -> Checked {
        match target {
            Expr::Var(name) => {
                self.own.push(name.id);
                Ok(())
            }
            Expr::List(names) => names.items.iter().try_for_each(|name| self.targets(name)),
            other => refused(other.span().start_line.into(), "a `for` gives a name"),
        }
    }

    fn expression(&mut self, expression: &Expr<'a>) -> Checked {
        let line = u32::from(expression.span().start_line);
        match expression {
            Expr::Const(_) => Ok(()),
            Expr::Var(name) if self.own.contains(&name.id) || VARIABLES.contains(&name.id) => Ok(()),
            Expr::Var(name) => refused(line, format!("there is no variable `{}`", name.id)),
            Expr::GetAttr(of) => self.expression(&of.expr),
            Expr::GetItem(of) => {
                self.expression(&of.expr)?;
                self.expression(&of.subscript_expr)
            }
            Expr::UnaryOp(of) => self.expression(&of.expr),
            Expr::Compare(of) => {
                self.expression(&of.expr)?;
                of.ops.iter().try_for_each(|op| self.expression(&op.expr))
            }
            Expr::BinOp(of) => {
                if !compares(of.op) {
                    return refused(line, "only comparisons, `and`, `or`, `not` and `in` are allowed");
                }
                self.expression(&of.left)?;
                self.expression(&of.right)
            }
            Expr::IfExpr(of) => {
                self.expression(&of.test_expr)?;
                self.expression(&of.true_expr)?;
                of.false_expr.iter().try_for_each(|it| self.expression(it))
            }
            Expr::Filter(of) => {
                if !FILTERS.contains(&of.name) && of.name != JSON {
                    return refused(line, format!("there is no filter `{}`", of.name));
                }
                of.expr.iter().try_for_each(|it| self.expression(it))?;
                self.arguments(&of.args, line)
            }
            Expr::Test(of) => {
                if !TESTS.contains(&of.name) {
                    return refused(line, format!("there is no test `{}`", of.name));
                }
                self.expression(&of.expr)?;
                self.arguments(&of.args, line)
            }
            Expr::List(of) => of.items.iter().try_for_each(|it| self.expression(it)),
            Expr::Map(of) => of.keys.iter().chain(&of.values).try_for_each(|it| self.expression(it)),
            Expr::Slice(_) => refused(line, "slices are not allowed"),
            Expr::Call(_) => refused(line, "calls are not allowed"),
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'a>], line: u32) -> Checked {
        arguments.iter().try_for_each(|argument| match argument {
            CallArg::Pos(value) => self.expression(value),
            _ => refused(line, "an argument is a value"),
        })
    }
}

/// Whether an operator makes nothing that is longer than what it is given.
fn compares(operator: BinOpKind) -> bool {
    use BinOpKind::{Eq, Gt, Gte, In, Lt, Lte, Ne, ScAnd, ScOr};
    matches!(operator, Eq | Ne | Lt | Lte | Gt | Gte | ScAnd | ScOr | In)
}
