//! What a template may be made of. A list of what is allowed: whatever the language has or will have beside it is not.
//!
//! A template's text and work are bounded: nothing in here makes a value that is longer than those it is made of, but for
//! filters that make a text, whose texts are counted; and no value can be given a name and be used again.

use super::filters::FILTERS;
use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, ForLoop, Stmt};
use minijinja::machinery::{Token, WhitespaceConfig, parse, tokenize};
use minijinja::syntax::SyntaxConfig;
use parlor_domain::ports::PromptError;

/// What a template can speak of.
const VARIABLES: [&str; 5] = ["user", "room", "conversation", "now", "date"];
/// What can be asked of a value.
const TESTS: [&str; 9] =
    ["defined", "undefined", "none", "true", "false", "string", "number", "sequence", "mapping"];
/// How many words and signs an expression has at most. The language's parser, compiler and destructors go a level deeper for
/// each operator, filter or index in a row, on a thread's stack.
const EXPRESSION_MAX: usize = 250;
/// How many `elif` a template has at most: each is a level, too.
const ELIF_MAX: usize = 100;

/// Whether a template is made of nothing else. Error: the line of what is not allowed.
pub(super) fn check(template: &str) -> Result<(), PromptError> {
    measure(template)?;
    let syntax = SyntaxConfig;
    let parsed = parse(template, "prompt", syntax, WhitespaceConfig::default());
    let parsed = parsed.map_err(|error| super::told(&error))?;
    Check { own: Vec::new() }.statement(&parsed)
}

/// Whether it can be read at all without going deeper than a stack does: looks at one word after the other.
fn measure(template: &str) -> Result<(), PromptError> {
    let (mut length, mut branches) = (0, 0);
    for token in tokenize(template, false, SyntaxConfig, WhitespaceConfig::default()) {
        let (token, span) = token.map_err(|error| super::told(&error))?;
        match token {
            Token::VariableStart | Token::BlockStart => length = 0,
            Token::Ident("elif") => branches += 1,
            _ => {}
        }
        length += 1;
        if length > EXPRESSION_MAX {
            return refused(
                span.start_line.into(),
                format!("more than {EXPRESSION_MAX} words and signs in a row"),
            );
        }
        if branches > ELIF_MAX {
            return refused(span.start_line.into(), format!("more than {ELIF_MAX} `elif`"));
        }
    }
    Ok(())
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
                if !FILTERS.contains(&of.name) {
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
