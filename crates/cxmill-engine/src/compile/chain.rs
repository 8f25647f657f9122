//! Long chains of operators.
//!
//! `a OR b OR c …` is parsed into a tree as deep as the chain is long, and everything that walks the tree later needs a piece
//! of stack for each level: a generated condition of thousands of parts would end the process. The parser's own limit does
//! not see this, because it reads a chain in a loop.

use cxmill_spec::{Diagnostic, Sql};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::sql::place;

/// The most operators in one chain.
const LONGEST: usize = 200;

/// The chains that one level of parentheses is in the midst of.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// Operators of the current expression.
    operators: usize,
    /// `UNION` and the like, which chain whole queries.
    sets: usize,
}

/// Says where the first chain is that is too long.
pub(super) fn check(sql: &Sql, tokens: &[TokenWithSpan]) -> Result<(), Diagnostic> {
    let mut levels = vec![Level::default()];
    for TokenWithSpan { token, span } in tokens {
        match token {
            Token::LParen => levels.push(Level::default()),
            // The last level stays: what closes too much is the parser's to tell.
            Token::RParen if levels.len() > 1 => drop(levels.pop()),
            _ => {}
        }
        let Some(level) = levels.last_mut() else { continue };
        match token {
            Token::Comma => level.operators = 0,
            Token::Word(word) => match word.keyword {
                Keyword::AND | Keyword::OR | Keyword::XOR | Keyword::DIV => level.operators += 1,
                Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT => {
                    *level = Level { operators: 0, sets: level.sets + 1 };
                }
                Keyword::SELECT | Keyword::FROM | Keyword::JOIN | Keyword::ON | Keyword::WHERE => level.operators = 0,
                Keyword::HAVING | Keyword::WHEN | Keyword::THEN | Keyword::ELSE => level.operators = 0,
                _ => {}
            },
            Token::Whitespace(_) | Token::LParen | Token::RParen | Token::Number(..) | Token::SingleQuotedString(_) => {
            }
            Token::Period | Token::Placeholder(_) | Token::SemiColon | Token::EOF => {}
            _ => level.operators += 1,
        }
        if level.operators.max(level.sets) > LONGEST {
            let message = format!("the query is nested too deeply: a chain of more than {LONGEST} operators ends here");
            return Err(Diagnostic::error("syntax", place(sql, *span), message)
                .with_help("write a list as `IN (…)` or as a join with VALUES, or split the query into models"));
        }
    }
    Ok(())
}
