use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use crate::escape::escaped_line;
use crate::output::Output;
use crate::report::CliError;

/// A column of a table.
#[derive(Clone, Copy)]
pub(crate) enum Column {
    /// Words, set to the left.
    Text(&'static str),
    /// Numbers, set to the right.
    Number(&'static str),
}

impl Output {
    /// Writes rows: as a table with a head on a terminal, separated by tabs and without a head into a pipe.
    pub(crate) fn rows(self, columns: &[Column], rows: Vec<Vec<String>>) -> Result<(), CliError> {
        if rows.is_empty() {
            return Ok(());
        }
        if !self.data_on_terminal() {
            let lines = rows.into_iter().map(|row| {
                let cells: Vec<String> = row.iter().map(|cell| escaped_line(cell)).collect();
                cells.join("\t") + "\n"
            });
            return self.data(lines.collect::<String>().as_bytes());
        }
        let text = draw(columns, rows);
        self.data((text + "\n").as_bytes())
    }

    /// Writes the fields of one thing, a line each.
    pub(crate) fn fields(self, fields: &[(&str, String)]) -> Result<(), CliError> {
        let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let mut text = String::new();
        for (name, value) in fields {
            let value = escaped_line(value);
            if self.data_on_terminal() {
                text.push_str(&format!("{name:width$}  {value}\n"));
            } else {
                text.push_str(&format!("{name}\t{value}\n"));
            }
        }
        self.data(text.as_bytes())
    }
}

fn draw(columns: &[Column], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|column| match column {
        Column::Text(title) | Column::Number(title) => title.to_uppercase(),
    }));
    for row in rows {
        let cells = columns.iter().zip(row).map(|(column, text)| {
            let cell = Cell::new(escaped_line(&text));
            match column {
                Column::Text(_) => cell,
                Column::Number(_) => cell.set_alignment(CellAlignment::Right),
            }
        });
        table.add_row(cells);
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_for_people() {
        let columns = [Column::Text("key"), Column::Number("bytes")];
        let rows = vec![vec!["a".to_owned(), "10".to_owned()], vec!["\x1b[b".to_owned(), "2".to_owned()]];
        assert_eq!(draw(&columns, rows), " KEY   BYTES\n a        10\n ^[[b      2");
    }
}
