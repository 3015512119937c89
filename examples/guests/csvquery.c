/* Answers one small query over a CSV file.
 *
 *   csvquery 'SELECT period, count(*), avg(mass) WHERE block = p GROUP BY period' < elements.csv
 *
 *   query  = SELECT item {, item} [WHERE column op value] [GROUP BY column]
 *   item   = column | count(*) | sum(column) | min(column) | max(column) | avg(column)
 *   op     = '=' | '!=' | '<' | '>'     numbers compare as numbers, everything else as text
 *
 * The first line names the columns. Fields may be quoted, with "" for a quote; a field holds no line feed. Groups come
 * out in the order in which they are first met. Reads standard input, else the first file of /in.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    LINE_BYTES_MAX = 65536,
    COLUMNS_MAX = 64,
    ITEMS_MAX = 16,
    GROUPS_MAX = 1024,
    TEXT_BYTES_MAX = 128,
};

enum kind { COLUMN, COUNT, SUM, MIN, MAX, AVG };

struct item {
    enum kind kind;
    int column; /* -1 for count(*) */
    char text[TEXT_BYTES_MAX];
};

struct query {
    struct item items[ITEMS_MAX];
    int item_count;
    char where_column[TEXT_BYTES_MAX], where_op[3], where_value[TEXT_BYTES_MAX];
    char group_column[TEXT_BYTES_MAX];
    int where_at, group_at; /* -1 when absent */
};

struct group {
    char key[TEXT_BYTES_MAX];
    uint64_t rows;
    char first[ITEMS_MAX][TEXT_BYTES_MAX];
    double sum[ITEMS_MAX], min[ITEMS_MAX], max[ITEMS_MAX];
};

static void die(const char *what, const char *on)
{
    fprintf(stderr, "csvquery: %s `%s`\n", what, on);
    exit(2);
}

/* Takes one word of the query: a name, a number, a quoted text or an operator. Empty at the end. */
static void next_word(const char **at, char *word)
{
    static const char ops[] = "=!<>,()*";
    size_t length = 0;
    *at += strspn(*at, " \t\n");
    if (**at == '\'') {
        for ((*at)++; **at != '\0' && **at != '\'' && length + 1 < TEXT_BYTES_MAX; (*at)++)
            word[length++] = **at;
        *at += **at == '\'';
    } else if (**at != '\0' && strchr(ops, **at) != NULL) {
        word[length++] = *(*at)++;
        if (word[0] == '!' && **at == '=')
            word[length++] = *(*at)++;
    } else {
        while (**at != '\0' && strchr(" \t\n=!<>,()*", **at) == NULL && length + 1 < TEXT_BYTES_MAX)
            word[length++] = *(*at)++;
    }
    word[length] = '\0';
}

static void expect(const char **at, const char *wanted)
{
    char word[TEXT_BYTES_MAX];
    next_word(at, word);
    if (strcasecmp(word, wanted) != 0)
        die("the query needs another word in place of", word);
}

static enum kind kind_of(const char *name)
{
    static const char *const names[] = {"", "count", "sum", "min", "max", "avg"};
    for (int kind = COUNT; kind <= AVG; kind++)
        if (strcasecmp(name, names[kind]) == 0)
            return (enum kind)kind;
    die("there is no function", name);
    return COLUMN;
}

static void parse_item(const char **at, struct item *item)
{
    char word[TEXT_BYTES_MAX];
    next_word(at, item->text);
    const char *ahead = *at;
    next_word(&ahead, word);
    if (strcmp(word, "(") != 0)
        return;
    item->kind = kind_of(item->text);
    *at = ahead;
    next_word(at, item->text);
    expect(at, ")");
}

static struct query parse_query(const char *at)
{
    struct query query = {.where_at = -1, .group_at = -1};
    char word[TEXT_BYTES_MAX];
    expect(&at, "select");
    do {
        if (query.item_count == ITEMS_MAX)
            die("too many items in", "SELECT");
        parse_item(&at, &query.items[query.item_count++]);
        next_word(&at, word);
    } while (strcmp(word, ",") == 0);
    if (strcasecmp(word, "where") == 0) {
        next_word(&at, query.where_column);
        next_word(&at, word);
        if (strcmp(word, "=") != 0 && strcmp(word, "!=") != 0 && strcmp(word, "<") != 0 && strcmp(word, ">") != 0)
            die("WHERE knows =, !=, < and >, not", word);
        strcpy(query.where_op, word);
        next_word(&at, query.where_value);
        next_word(&at, word);
    }
    if (strcasecmp(word, "group") == 0) {
        expect(&at, "by");
        next_word(&at, query.group_column);
        next_word(&at, word);
    }
    if (word[0] != '\0')
        die("the query ends too late, at", word);
    return query;
}

/* Splits a line in place; returns how many fields it has. */
static int split(char *line, char **fields)
{
    int count = 0;
    char *to = line;
    for (char *from = line; count < COLUMNS_MAX;) {
        bool quoted = *from == '"';
        fields[count++] = to;
        for (from += quoted; *from != '\0' && *from != '\n' && *from != '\r'; from++) {
            if (quoted && *from == '"') {
                quoted = from[1] == '"';
                if (!quoted)
                    continue;
                from++;
            } else if (!quoted && *from == ',') {
                break;
            }
            *to++ = *from;
        }
        bool more = *from++ == ',';
        *to++ = '\0';
        if (!more)
            return count;
    }
    die("a line has too many", "columns");
    return 0;
}

static int column_named(char **names, int count, const char *name)
{
    for (int at = 0; at < count; at++)
        if (strcasecmp(names[at], name) == 0)
            return at;
    die("there is no column", name);
    return -1;
}

static void bind_columns(struct query *query, char **names, int count)
{
    for (int at = 0; at < query->item_count; at++) {
        struct item *item = &query->items[at];
        bool all = item->kind == COUNT && strcmp(item->text, "*") == 0;
        item->column = all ? -1 : column_named(names, count, item->text);
    }
    if (query->where_column[0] != '\0')
        query->where_at = column_named(names, count, query->where_column);
    if (query->group_column[0] != '\0')
        query->group_at = column_named(names, count, query->group_column);
}

static bool is_number(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == '\0';
}

static bool matches(const struct query *query, char **fields)
{
    if (query->where_at < 0)
        return true;
    double left, right;
    const char *field = fields[query->where_at];
    int order = is_number(field, &left) && is_number(query->where_value, &right)
                    ? (left > right) - (left < right)
                    : strcmp(field, query->where_value);
    switch (query->where_op[0]) {
    case '=': return order == 0;
    case '!': return order != 0;
    case '<': return order < 0;
    default: return order > 0;
    }
}

static void add_row(struct group *group, const struct query *query, char **fields)
{
    for (int at = 0; at < query->item_count; at++) {
        const struct item *item = &query->items[at];
        if (item->column < 0)
            continue;
        double value = 0;
        if (item->kind > COUNT && !is_number(fields[item->column], &value))
            die("this is no number:", fields[item->column]);
        if (group->rows == 0)
            snprintf(group->first[at], TEXT_BYTES_MAX, "%s", fields[item->column]);
        group->sum[at] += value;
        group->min[at] = group->rows == 0 || value < group->min[at] ? value : group->min[at];
        group->max[at] = group->rows == 0 || value > group->max[at] ? value : group->max[at];
    }
    group->rows++;
}

static void print_group(const struct group *group, const struct query *query)
{
    for (int at = 0; at < query->item_count; at++) {
        const char *gap = at == 0 ? "" : ",";
        switch (query->items[at].kind) {
        case COLUMN: printf("%s%s", gap, group->first[at]); break;
        case COUNT: printf("%s%llu", gap, (unsigned long long)group->rows); break;
        case SUM: printf("%s%.10g", gap, group->sum[at]); break;
        case MIN: printf("%s%.10g", gap, group->min[at]); break;
        case MAX: printf("%s%.10g", gap, group->max[at]); break;
        case AVG: printf("%s%.10g", gap, group->rows ? group->sum[at] / (double)group->rows : 0); break;
        }
    }
    putchar('\n');
}

static struct group *group_named(struct group *groups, int *count, const char *key)
{
    for (int at = 0; at < *count; at++)
        if (strcmp(groups[at].key, key) == 0)
            return &groups[at];
    if (*count == GROUPS_MAX)
        die("too many groups, the last is", key);
    snprintf(groups[*count].key, TEXT_BYTES_MAX, "%s", key);
    return &groups[(*count)++];
}

static FILE *open_input(void)
{
    char path[TEXT_BYTES_MAX * 4];
    DIR *directory = opendir("/in");
    struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL)
        if (entry->d_type == DT_REG) {
            snprintf(path, sizeof path, "/in/%s", entry->d_name);
            FILE *file = fopen(path, "r");
            if (file == NULL)
                die("cannot open", path);
            return file;
        }
    return stdin;
}

int main(int argc, char **argv)
{
    static char line[LINE_BYTES_MAX];
    char *fields[COLUMNS_MAX];
    if (argc != 2)
        die("usage:", "csvquery QUERY");
    struct query query = parse_query(argv[1]);
    FILE *file = open_input();
    if (fgets(line, sizeof line, file) == NULL)
        die("there is no header line in", "the input");
    int columns = split(line, fields);
    bind_columns(&query, fields, columns);

    struct group *groups = calloc(GROUPS_MAX, sizeof *groups);
    if (groups == NULL)
        die("out of memory for", "the groups");
    bool aggregates = query.group_at >= 0;
    for (int at = 0; at < query.item_count; at++)
        aggregates |= query.items[at].kind != COLUMN;
    int count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (split(line, fields) != columns)
            die("a line has another number of fields than the header:", line);
        if (!matches(&query, fields))
            continue;
        const char *key = query.group_at < 0 ? "" : fields[query.group_at];
        struct group *group = aggregates ? group_named(groups, &count, key) : &groups[0];
        if (!aggregates)
            memset(group, 0, sizeof *group);
        add_row(group, &query, fields);
        if (!aggregates)
            print_group(group, &query);
    }
    for (int at = 0; at < count; at++)
        print_group(&groups[at], &query);
    free(groups);
    return 0;
}
