/* Trains a model on the data of one client, and says how the weights changed.
 *
 *   train CLIENT EPOCHS RATE       such as: train c03 5 1.0
 *
 * Reads the model at /in/model and a table at /in/data.csv: a line of names, then a decimal number per feature and the
 * label 0 or 1. Logistic regression by gradient descent over all rows, so many times; the last weight is the bias.
 * Writes the update to standard output.
 */
#include "fixed.h"

enum {
    EPOCHS_MAX = 1000,
    ROWS_MAX = 200000,
    TAYLOR_TERMS = 12,
};

/* ln 2. */
static const fixed LN_2 = 11629080;

struct table {
    int rows, features;
    fixed *values; /* row after row: the features, then the label */
};

/* e^-x for x >= 0: a half for each ln 2 in x, and the rest by Taylor's series. */
static fixed exp_minus(fixed x)
{
    fixed halves = x / LN_2, rest = x % LN_2, term = ONE, sum = ONE;
    if (halves > 24)
        return 0;
    for (int at = 1; at <= TAYLOR_TERMS; at++) {
        term = term * rest / ONE / at;
        sum += at % 2 == 0 ? term : -term;
    }
    return sum >> halves;
}

static fixed sigmoid(wide x)
{
    wide size = x < 0 ? -x : x;
    fixed small = size > 32 * ONE ? 0 : exp_minus((fixed)size);
    fixed result = ONE * ONE / (ONE + small);
    return x < 0 ? ONE - result : result;
}

static struct table read_table(const char *path, int features)
{
    struct text text = read_text(path);
    struct table table = {0, features, NULL};
    while (next_byte(&text) != '\n' && next_byte(&text) != EOF)
        text.at++;
    take_line_end(&text);
    size_t columns = (size_t)features + 1, room = 0;
    while (next_byte(&text) != EOF) {
        if (table.rows == ROWS_MAX)
            refuse(&text, "there are too many rows");
        if ((size_t)table.rows == room) {
            room = room == 0 ? 256 : room * 2;
            table.values = realloc(table.values, room * columns * sizeof *table.values);
            if (table.values == NULL)
                refuse(&text, "there is no memory for the table");
        }
        fixed *row = table.values + (size_t)table.rows++ * columns;
        for (size_t at = 0; at < columns; at++) {
            row[at] = take_decimal(&text);
            if (row[at] < -WEIGHT_MAX || row[at] > WEIGHT_MAX)
                refuse(&text, "a number is out of range");
            if (at + 1 < columns)
                take(&text, ",");
        }
        if (row[features] != 0 && row[features] != ONE)
            refuse(&text, "the label is neither 0 nor 1");
        take_line_end(&text);
    }
    if (table.rows == 0)
        refuse(&text, "there are no rows");
    return table;
}

/* One step down the gradient of the mean loss over all rows. */
static void descend(struct model *model, const struct table *table, fixed rate)
{
    static wide gradient[WEIGHTS_MAX];
    memset(gradient, 0, sizeof gradient);
    for (int at = 0; at < table->rows; at++) {
        const fixed *row = table->values + (size_t)at * ((size_t)table->features + 1);
        wide score = (wide)model->weights[table->features] * ONE;
        for (int feature = 0; feature < table->features; feature++)
            score += (wide)model->weights[feature] * row[feature];
        fixed error = sigmoid(score / ONE) - row[table->features];
        for (int feature = 0; feature < table->features; feature++)
            gradient[feature] += (wide)error * row[feature];
        gradient[table->features] += (wide)error * ONE;
    }
    for (int at = 0; at < model->count; at++) {
        wide step = rate * (gradient[at] / ((wide)table->rows * ONE)) / ONE;
        wide moved = model->weights[at] - step;
        if (moved < -WEIGHT_MAX || moved > WEIGHT_MAX)
            refuse_all("/in/data.csv", "the weights grow beyond their range: the rate is too high for these numbers");
        model->weights[at] = (fixed)moved;
    }
}

static struct text argument(const char *name, const char *value)
{
    return (struct text){name, value, value + strlen(value), 0};
}

int main(int argc, char **argv)
{
    static struct model model, start;
    char client[CLIENT_BYTES_MAX + 1];
    program = "train";
    if (argc != 4)
        refuse_all("usage", "train CLIENT EPOCHS RATE");
    struct text name = argument("CLIENT", argv[1]), times = argument("EPOCHS", argv[2]), pace = argument("RATE", argv[3]);
    take_client(&name, client);
    take_end(&name);
    int epochs = (int)take_integer(&times, 1, EPOCHS_MAX);
    take_end(&times);
    fixed rate = take_decimal(&pace);
    take_end(&pace);
    if (rate <= 0 || rate > 1000 * ONE)
        refuse_all("RATE", "is more than 0 and at most 1000");

    take_model(read_text("/in/model"), &model);
    struct table table = read_table("/in/data.csv", model.count - 1);
    start = model;
    for (int epoch = 0; epoch < epochs; epoch++)
        descend(&model, &table, rate);

    for (int at = 0; at < model.count; at++) {
        model.weights[at] -= start.weights[at];
        if (model.weights[at] < -WEIGHT_MAX || model.weights[at] > WEIGHT_MAX)
            refuse_all("/in/data.csv", "the weights move beyond their range");
    }
    printf("federated-update 1\nclient %s\nround %lld\nsamples %d\n", client, (long long)model.round, table.rows);
    put_vector(model.weights, model.count);
    return 0;
}
