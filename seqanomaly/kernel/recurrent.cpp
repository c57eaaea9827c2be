// rnn, gru and lstm over whole sequences: one member at a time, one block of sequences at a time.
//
// A block is as many sequences as V vectors have lanes; what is kept of it between the passes is meant to stay in
// cache. Per step: products and gates; the head; the loss and its gradient. Then backward through time, and the
// gradients of the weights as products over all steps. The values of two steps are one vector further apart than they
// need to be, so that they do not all fall into the same cache sets.

#include <type_traits>

#include "loss.h"
#include "product.h"

namespace {

// What one call works on; the same order as in Python.
struct Shape {
  int64_t batch, steps, kind, features, outputs, hidden, layers, truncate, base;
};

// Rows a unit keeps per step. The first G have weights of the input, the last G recurrent ones (they begin at SHIFT).
// Input row g is torch's gate (g + TURN) % G, recurrent row g its gate g.
struct Rnn {
  static constexpr int ROWS = 1, G = 1, SHIFT = 0, TURN = 0, CELL = 0;
  static constexpr bool SIGMOID[] = {false};
};
struct Gru {  // new (from the input), reset, update, new (recurrent)
  static constexpr int ROWS = 4, G = 3, SHIFT = 1, TURN = 2, CELL = 0;
  static constexpr bool SIGMOID[] = {false, true, true, false};
};
struct Lstm {  // input, forget, candidate, output
  static constexpr int ROWS = 4, G = 4, SHIFT = 0, TURN = 0, CELL = 1;
  static constexpr bool SIGMOID[] = {true, true, false, true};
};

template <class Cell>
constexpr int INPUT(int row) {
  return (row + Cell::TURN) % Cell::G;
}

// Where the parameters of a layer begin in a member's row.
struct Place {
  int64_t inputs, input_weight, recurrent_weight, input_bias, recurrent_bias, end;
};

template <class Cell>
static Place place(const Shape& s, int64_t layer) {
  Place p{0, 0, 0, 0, 0, 0};
  const int64_t size = Cell::G * s.hidden;
  for (int64_t n = 0; n <= layer; n++) {
    p.inputs = n ? s.hidden : s.features;
    p.input_weight = p.end;
    p.recurrent_weight = p.input_weight + size * p.inputs;
    p.input_bias = p.recurrent_weight + size * s.hidden;
    p.recurrent_bias = p.input_bias + size;
    p.end = p.recurrent_bias + size;
  }
  return p;
}

// Takes pieces of the work space, each beginning on a cache line.
struct Space {
  float* next;
  float* take(int64_t count) {
    float* const taken = next;
    next += (count + 15) / 16 * 16;
    return taken;
  }
};

// The work space of one layer.
struct Kept {
  Place place;
  float *forward, *bias, *back, *above;         // packed weights; above: from what its outputs go into
  float *hidden, *cell, *rows, *shown, *carry;  // values of a block; shown: tanh of the cell
};

constexpr int64_t DEEPEST = 64;

struct Work {
  float *x, *out, *target, *mask, *weight;  // values of a block
  float *head, *head_bias, *turned;
  Kept layer[DEEPEST];
};

// Floats between the values of two steps.
template <int V>
INLINE int64_t stride(int64_t rows) {
  return (rows * V + 1) * LANES;
}

template <class Cell>
static int64_t arrange(const Shape& s, bool learns, float* space, Work& work) {
  constexpr int V = 2;
  const int64_t wide = V * LANES, kept = learns ? s.steps + 1 : 2, rows = Cell::G * s.hidden;
  const int64_t widest = s.hidden > s.features ? s.hidden : s.features;
  Space from{space};
  work.x = from.take(s.steps * s.features * wide);
  work.out = from.take(s.steps * s.outputs * wide);
  work.head = from.take(s.outputs * s.hidden);
  work.head_bias = from.take(s.outputs);
  if (learns) {
    work.turned = from.take(TURNED > widest * wide ? TURNED : widest * wide);
    work.target = from.take(s.steps * (s.base == MSE ? s.outputs : 1) * wide);
    work.mask = from.take(s.steps * wide);
    work.weight = from.take(s.steps * wide);
  }
  for (int64_t n = 0; n < s.layers; n++) {
    Kept& layer = work.layer[n];
    layer.place = place<Cell>(s, n);
    layer.forward = from.take(rows * (layer.place.inputs + s.hidden));
    layer.bias = from.take(Cell::ROWS * s.hidden);
    layer.hidden = from.take(kept * stride<V>(s.hidden));
    layer.cell = from.take(Cell::CELL * kept * stride<V>(s.hidden));
    if (learns) {
      layer.back = from.take(rows * s.hidden);
      layer.above = from.take((n + 1 < s.layers ? rows : s.outputs) * s.hidden);
      layer.rows = from.take(s.steps * stride<V>(Cell::ROWS * s.hidden));
      layer.shown = from.take(Cell::CELL * s.steps * stride<V>(s.hidden));
      layer.carry = from.take(s.hidden * wide);
    }
  }
  return from.next - space;
}

// Calls tile(N, j) for rows j to j + N until all `count` are covered: N = U, then half as many for what is left.
template <int U, typename Tile>
INLINE void tiles(int64_t count, const Tile& tile, int64_t j = 0) {
  for (; j + U <= count; j += U) tile(std::integral_constant<int, U>{}, j);
  if constexpr (U > 1) tiles<U / 2>(count, tile, j);
}

// Units whose rows are summed at once, however many vectors a block has, so that weights are packed once.
template <class Cell>
constexpr int FORWARD = SUMS / 2 / Cell::ROWS;
constexpr int BACKWARD = SUMS / 2;

// Packs a dense layer, from[row * from_row + column * from_column], as tiles of rows read it: [tile][column][row].
// Column k is the one at k + turn, counted round.
static void pack(const float* from, int64_t from_row, int64_t from_column, int64_t rows, int64_t columns, int64_t turn,
                 float* to) {
  tiles<BACKWARD>(rows, [=](auto tile, int64_t j) {
    constexpr int N = decltype(tile)::value;
    float* at = to + j * columns;
    for (int64_t k = 0; k < columns; k++) {
      const float* column = from + j * from_row + (k + turn < columns ? k + turn : k + turn - columns) * from_column;
      for (int n = 0; n < N; n++) *at++ = column[n * from_row];
    }
  });
}

// Packs a layer for the forward pass; the gates under a sigmoid are halved, which is exact.
template <class Cell>
static void pack_forward(const Shape& s, const float* row, const Kept& layer) {
  const Place& p = layer.place;
  const int64_t h = s.hidden;
  tiles<FORWARD<Cell>>(h, [&](auto tile, int64_t j) {
    constexpr int U = decltype(tile)::value;
    float *to = layer.forward + j * Cell::G * (p.inputs + h), *bias = layer.bias + j * Cell::ROWS;
    for (int64_t k = 0; k < p.inputs; k++)
      for (int g = 0; g < Cell::G; g++)
        for (int u = 0; u < U; u++)
          *to++ = row[p.input_weight + (INPUT<Cell>(g) * h + j + u) * p.inputs + k] * (Cell::SIGMOID[g] ? 0.5f : 1.0f);
    for (int64_t k = 0; k < h; k++)
      for (int g = 0; g < Cell::G; g++)
        for (int u = 0; u < U; u++)
          *to++ = row[p.recurrent_weight + (g * h + j + u) * h + k] * (Cell::SIGMOID[g + Cell::SHIFT] ? 0.5f : 1.0f);
    for (int a = 0; a < Cell::ROWS; a++)
      for (int u = 0; u < U; u++) {
        float value = 0;
        if (a < Cell::G) value += row[p.input_bias + INPUT<Cell>(a) * h + j + u];
        if (a >= Cell::SHIFT) value += row[p.recurrent_bias + (a - Cell::SHIFT) * h + j + u];
        *bias++ = value * (Cell::SIGMOID[a] ? 0.5f : 1.0f);
      }
  });
}

template <class Cell>
static void pack_all(const Shape& s, const float* row, bool learns, Work& work) {
  const int64_t h = s.hidden, head = work.layer[s.layers - 1].place.end;
  pack(row + head, h, 1, s.outputs, h, 0, work.head);
  memcpy(work.head_bias, row + head + s.outputs * h, s.outputs * sizeof(float));
  for (int64_t n = 0; n < s.layers; n++) {
    const Kept& layer = work.layer[n];
    pack_forward<Cell>(s, row, layer);
    if (!learns) continue;
    pack(row + layer.place.recurrent_weight, 1, h, h, Cell::G * h, 0, layer.back);
    if (n + 1 < s.layers)
      pack(row + work.layer[n + 1].place.input_weight, 1, h, h, Cell::G * h, Cell::TURN * h, layer.above);
    else
      pack(row + head, 1, h, h, s.outputs, 0, layer.above);
  }
}

INLINE vec sigmoid_of_half(vec half) { return fma(tanh(half), all(0.5f), all(0.5f)); }

// Where a tile reads and writes in one step.
struct Step {
  const float *in, *before, *cell_before;
  float *after, *cell, *rows, *shown;
};

// U units from unit j on, one step forward; rows and shown are written where they will be needed.
template <class Cell, int V, int U, bool LEARNS>
ALONE void forward_tile(const Kept& layer, int64_t h, const Step& step, int64_t j) {
  vec sums[Cell::ROWS * U][V];
  const float *bias = layer.bias + j * Cell::ROWS, *w = layer.forward + j * Cell::G * (layer.place.inputs + h);
#pragma GCC unroll 16
  for (int n = 0; n < Cell::ROWS * U; n++)
    for (int v = 0; v < V; v++) sums[n][v] = all(bias[n]);
  add_product<Cell::G * U, V>(sums, w, step.in, layer.place.inputs);
  add_product<Cell::G * U, V>(sums + Cell::SHIFT * U, w + Cell::G * U * layer.place.inputs, step.before, h);
#pragma GCC unroll 16
  for (int u = 0; u < U; u++)
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) {
      const int64_t at = ((j + u) * V + v) * LANES, row = h * V * LANES;
      if constexpr (Cell::ROWS == 1) {
        store(step.after + at, tanh(sums[u][v]));
      } else if constexpr (Cell::CELL) {
        const vec take = sigmoid_of_half(sums[u][v]), keep = sigmoid_of_half(sums[U + u][v]);
        const vec candidate = tanh(sums[2 * U + u][v]), show = sigmoid_of_half(sums[3 * U + u][v]);
        const vec cell = fma(keep, load(step.cell_before + at), take * candidate), shown = tanh(cell);
        store(step.cell + at, cell);
        store(step.after + at, show * shown);
        if (LEARNS) {
          store(step.rows + at, take);
          store(step.rows + at + row, keep);
          store(step.rows + at + 2 * row, candidate);
          store(step.rows + at + 3 * row, show);
          store(step.shown + at, shown);
        }
      } else {
        const vec reset = sigmoid_of_half(sums[U + u][v]), update = sigmoid_of_half(sums[2 * U + u][v]);
        const vec recurrent = sums[3 * U + u][v], fresh = tanh(fma(reset, recurrent, sums[u][v]));
        store(step.after + at, fma(update, load(step.before + at) - fresh, fresh));
        if (LEARNS) {
          store(step.rows + at, fresh);
          store(step.rows + at + row, reset);
          store(step.rows + at + 2 * row, update);
          store(step.rows + at + 3 * row, recurrent);
        }
      }
    }
}

// The gradient by what one unit sums, written over its rows, from the gradient by its hidden state.
template <class Cell, int V>
INLINE void backward_unit(vec gradient, int64_t h, const Step& step, float* carry, int64_t at) {
  const int64_t row = h * V * LANES;
  if constexpr (Cell::ROWS == 1) {
    const vec state = load(step.after + at);
    store(step.rows + at, gradient * (1 - state * state));
  } else if constexpr (Cell::CELL) {
    const vec take = load(step.rows + at), keep = load(step.rows + at + row);
    const vec candidate = load(step.rows + at + 2 * row), show = load(step.rows + at + 3 * row);
    const vec shown = load(step.shown + at);
    const vec cell = fma(gradient * show, 1 - shown * shown, load(carry + at));
    store(carry + at, cell * keep);
    store(step.rows + at, cell * candidate * (take - take * take));
    store(step.rows + at + row, cell * load(step.cell_before + at) * (keep - keep * keep));
    store(step.rows + at + 2 * row, cell * take * (1 - candidate * candidate));
    store(step.rows + at + 3 * row, gradient * shown * (show - show * show));
  } else {
    const vec fresh = load(step.rows + at), reset = load(step.rows + at + row);
    const vec update = load(step.rows + at + 2 * row), recurrent = load(step.rows + at + 3 * row);
    const vec inner = (gradient - gradient * update) * (1 - fresh * fresh);
    store(carry + at, gradient * update);
    store(step.rows + at, inner);
    store(step.rows + at + row, inner * recurrent * (reset - reset * reset));
    store(step.rows + at + 2 * row, gradient * (load(step.before + at) - fresh) * (update - update * update));
    store(step.rows + at + 3 * row, inner * reset);
  }
}

// N units from unit j on, one step backward.
//
// above: `count` rows of gradients by what the hidden states go into; next: the rows of the step after, or null.
template <class Cell, int V, int N>
ALONE void backward_tile(const Kept& layer, int64_t h, const Step& step, const float* above, int64_t count,
                          const float* next, int64_t j) {
  vec sums[N][V];
#pragma GCC unroll 16
  for (int n = 0; n < N; n++)
    for (int v = 0; v < V; v++)
      sums[n][v] = Cell::SHIFT ? load(layer.carry + ((j + n) * V + v) * LANES) : vec{};
  add_product<N, V>(sums, layer.above + j * count, above, count);
  if (next) add_product<N, V>(sums, layer.back + j * Cell::G * h, next + Cell::SHIFT * h * V * LANES, Cell::G * h);
#pragma GCC unroll 16
  for (int n = 0; n < N; n++)
    for (int v = 0; v < V; v++)
      backward_unit<Cell, V>(sums[n][v], h, step, layer.carry, ((j + n) * V + v) * LANES);
}

template <class Cell, int V, bool LEARNS>
static void forward(const Shape& s, const Work& work, int64_t t, int64_t n) {
  const Kept& layer = work.layer[n];
  const int64_t h = s.hidden, size = stride<V>(h), now = LEARNS ? t : t & 1, then = LEARNS ? t + 1 : (t + 1) & 1;
  Step step{};
  step.in = n ? work.layer[n - 1].hidden + then * size : work.x + t * s.features * V * LANES;
  step.before = layer.hidden + now * size;
  step.after = layer.hidden + then * size;
  step.cell_before = layer.cell + now * size;
  step.cell = layer.cell + then * size;
  step.rows = layer.rows + t * stride<V>(Cell::ROWS * h);
  step.shown = layer.shown + t * size;
  tiles<FORWARD<Cell>>(h, [&](auto tile, int64_t j) {
    forward_tile<Cell, V, decltype(tile)::value, LEARNS>(layer, h, step, j);
  });
}

template <int V>
static void head(const Shape& s, const Work& work, const float* hidden, float* out) {
  tiles<BACKWARD>(s.outputs, [&](auto tile, int64_t j) {
    constexpr int N = decltype(tile)::value;
    vec sums[N][V];
    for (int n = 0; n < N; n++)
      for (int v = 0; v < V; v++) sums[n][v] = all(work.head_bias[j + n]);
    add_product<N, V>(sums, work.head + j * s.hidden, hidden, s.hidden);
    for (int n = 0; n < N; n++)
      for (int v = 0; v < V; v++) store(out + ((j + n) * V + v) * LANES, sums[n][v]);
  });
}

// Forward through all steps; the work space's `out` becomes the gradient by the outputs where the stack learns.
template <class Cell, int V, bool LEARNS>
static float forward_all(const Shape& s, const Work& work, float scale) {
  const int64_t size = stride<V>(s.hidden), targets = s.base == MSE ? s.outputs : 1;
  for (int64_t n = 0; n < s.layers; n++) {
    memset(work.layer[n].hidden, 0, size * sizeof(float));
    if (Cell::CELL) memset(work.layer[n].cell, 0, size * sizeof(float));
  }
  vec loss = {};
  for (int64_t t = 0; t < s.steps; t++) {
    for (int64_t n = 0; n < s.layers; n++) forward<Cell, V, LEARNS>(s, work, t, n);
    float* out = work.out + t * s.outputs * V * LANES;
    head<V>(s, work, work.layer[s.layers - 1].hidden + (LEARNS ? t + 1 : (t + 1) & 1) * size, out);
    if (LEARNS)
      for (int v = 0; v < V; v++)
        loss += step_loss<V>(s.base, s.outputs, out, work.target + t * targets * V * LANES, work.mask + t * V * LANES,
                             work.weight + t * V * LANES, scale, v);
  }
  return sum(loss);
}

// Adds to the gradients of the weights between G gates, whose rows begin at `from`, and the rows of b; into(g) is where
// those of gate g begin. Whole groups of columns go by add_groups, what is left of them by add_pairs.
template <class Cell, int V, typename Into>
static void weigh_between(const Shape& s, float* turned, const float* from, const float* b, int64_t b_step,
                          int64_t columns, int64_t count, const Into& into) {
  const int64_t h = s.hidden, rows = stride<V>(Cell::ROWS * h), gate = h * V * LANES;
  const int64_t whole = columns / LANES * LANES, some = turned_steps<V>(columns);
  for (int64_t t = 0; whole && t < count; t += some) {
    const int64_t steps = count - t < some ? count - t : some;
    turn_groups<V>(b + t * b_step, b_step, columns, steps, turned);
    for (int g = 0; g < Cell::G; g++)
      add_groups<V>(from + t * rows + g * gate, rows, h, turned, columns, steps, into(g), columns);
  }
  for (int g = 0; g < Cell::G; g++)
    add_pairs<V>(from + g * gate, rows, h, b + whole * V * LANES, b_step, columns - whole, count, into(g) + whole,
                 columns);
}

// The gradients of a layer's weights from its rows of `count` steps.
template <class Cell, int V>
static void weigh(const Shape& s, const Work& work, int64_t n, int64_t first, int64_t count, float* gradient) {
  const Kept& layer = work.layer[n];
  const Place& p = layer.place;
  const int64_t h = s.hidden, size = stride<V>(h), rows = stride<V>(Cell::ROWS * h), gate = h * V * LANES;
  const int64_t in_step = n ? size : s.features * V * LANES;
  const float* in = (n ? work.layer[n - 1].hidden + size : work.x) + first * in_step;
  const float *from = layer.rows + first * rows, *recurrent = from + Cell::SHIFT * gate;
  weigh_between<Cell, V>(s, work.turned, from, in, in_step, p.inputs, count, [&](int g) {
    return gradient + p.input_weight + INPUT<Cell>(g) * h * p.inputs;
  });
  weigh_between<Cell, V>(s, work.turned, recurrent, layer.hidden + first * size, size, h, count, [&](int g) {
    return gradient + p.recurrent_weight + g * h * h;
  });
  for (int g = 0; g < Cell::G; g++) {
    add_rows<V>(from + g * gate, rows, h, count, gradient + p.input_bias + INPUT<Cell>(g) * h);
    if (Cell::SHIFT) add_rows<V>(recurrent + g * gate, rows, h, count, gradient + p.recurrent_bias + g * h);
  }
  // where all rows have both biases, the two have the same gradient
  if (!Cell::SHIFT) memcpy(gradient + p.recurrent_bias, gradient + p.input_bias, Cell::G * h * sizeof(float));
}

// Steps whose rows are weighed at once, while they are still in cache: a megabyte of them, or all if they are few.
template <class Cell, int V>
static int64_t piece(const Shape& s) {
  const int64_t cached = (1 << 18) / stride<V>(Cell::ROWS * s.hidden), some = cached > 64 ? cached : 64;
  return s.steps <= 2 * some ? s.steps : some;
}

// Backward through all steps of one layer, and the gradients of its weights.
template <class Cell, int V>
static void backward(const Shape& s, const Work& work, int64_t n, float* gradient) {
  const Kept& layer = work.layer[n];
  const bool top = n + 1 == s.layers;
  const int64_t h = s.hidden, size = stride<V>(h), rows = stride<V>(Cell::ROWS * h);
  const int64_t pieces = piece<Cell, V>(s);
  for (int64_t t = s.steps - 1; t >= 0; t--) {
    Step step{};
    step.before = layer.hidden + t * size;
    step.after = layer.hidden + (t + 1) * size;
    step.cell_before = layer.cell + t * size;
    step.rows = layer.rows + t * rows;
    step.shown = layer.shown + t * size;
    const float* above = top ? work.out + t * s.outputs * V * LANES : work.layer[n + 1].rows + t * rows;
    // a piece's gradient ends where the piece begins
    const bool ends = t + 1 == s.steps || (s.truncate && (t + 1) % s.truncate == 0);
    if (ends) memset(layer.carry, 0, h * V * LANES * sizeof(float));
    const float* next = ends ? nullptr : step.rows + rows;
    tiles<BACKWARD>(h, [&](auto tile, int64_t j) {
      backward_tile<Cell, V, decltype(tile)::value>(layer, h, step, above, top ? s.outputs : Cell::G * h, next, j);
    });
    if (t % pieces == 0) weigh<Cell, V>(s, work, n, t, s.steps - t < pieces ? s.steps - t : pieces, gradient);
  }
}

// What one call reads and writes of one member.
struct Member {
  const float *row, *x, *weight;
  const void* target;
  const uint8_t* mask;
  float *out, *gradient;
};

// The shape of a block of sequences: without the steps after the last one that counts in any of them.
static Shape shortened(const Shape& s, const uint8_t* mask, int64_t count) {
  Shape shorter = s;
  shorter.steps = 0;
  for (int64_t b = 0; b < count; b++) {
    int64_t steps = s.steps;
    while (steps > shorter.steps && !mask[b * s.steps + steps - 1]) steps--;
    shorter.steps = steps > shorter.steps ? steps : shorter.steps;
  }
  return shorter;
}

template <class Cell, int V, bool LEARNS>
static float block(const Shape& all, const Work& work, const Member& m, int64_t first, int64_t count, float scale) {
  constexpr int64_t lanes = V * LANES;
  const Shape s = LEARNS ? shortened(all, m.mask + first * all.steps, count) : all;
  const int64_t each = all.steps * s.features, targets = s.base == MSE ? s.outputs : 1;
  into_lanes(m.x + first * each, each, count, s.steps * s.features, work.x, lanes);
  if (LEARNS) {
    const int64_t step = all.steps * targets, from = first * step, values = s.steps * targets;
    if (s.base == CE)
      into_lanes(static_cast<const int64_t*>(m.target) + from, step, count, values, work.target, lanes);
    else
      into_lanes(static_cast<const float*>(m.target) + from, step, count, values, work.target, lanes);
    into_lanes(m.mask + first * all.steps, all.steps, count, s.steps, work.mask, lanes);
    into_lanes(m.weight + first * all.steps, all.steps, count, s.steps, work.weight, lanes);
  }
  const float loss = forward_all<Cell, V, LEARNS>(s, work, scale);
  if (!LEARNS) {
    const int64_t outputs = s.steps * s.outputs;
    turn(work.out, lanes, outputs, count, m.out + first * outputs, outputs);
    return 0;
  }
  for (int64_t n = s.layers - 1; n >= 0; n--) backward<Cell, V>(s, work, n, m.gradient);
  const int64_t at = work.layer[s.layers - 1].place.end, size = stride<V>(s.hidden), row = s.outputs * lanes;
  add_pairs<V>(work.out, row, s.outputs, work.layer[s.layers - 1].hidden + size, size, s.hidden, s.steps,
               m.gradient + at, s.hidden);
  add_rows<V>(work.out, row, s.outputs, s.steps, m.gradient + at + s.outputs * s.hidden);
  return loss;
}

// All sequences of one member, in blocks; gives the mean loss. A block's place does not depend on how many follow it.
template <class Cell, bool LEARNS>
static double member(const Shape& s, Work& work, const Member& m) {
  pack_all<Cell>(s, m.row, LEARNS, work);
  int64_t counted = 0;
  if (LEARNS)
    for (int64_t i = 0; i < s.batch * s.steps; i++) counted += m.mask[i];
  const float divisor = static_cast<float>(counted ? counted : 1);
  double loss = 0;
  for (int64_t first = 0; first < s.batch; first += 2 * LANES) {
    const int64_t left = s.batch - first;
    loss += left > LANES ? block<Cell, 2, LEARNS>(s, work, m, first, left < 2 * LANES ? left : 2 * LANES, 1 / divisor)
                         : block<Cell, 1, LEARNS>(s, work, m, first, left, 1 / divisor);
  }
  return loss / divisor;
}

template <class Cell>
static int64_t size(const Shape& s) {
  return place<Cell>(s, s.layers - 1).end + s.outputs * (s.hidden + 1);
}

template <class Cell>
static void outputs(const Shape& s, int64_t members, const float* rows, const float* x, int64_t x_stride, float* out,
                    float* space) {
  Work work;
  arrange<Cell>(s, false, space, work);
  for (int64_t k = 0; k < members; k++) {
    Member m{};
    m.row = rows + k * size<Cell>(s);
    m.x = x + k * x_stride;
    m.out = out + k * s.batch * s.steps * s.outputs;
    member<Cell, false>(s, work, m);
  }
}

template <class Cell>
static void gradient(const Shape& s, int64_t members, const Given& given, float* loss, float* gradient, float* space) {
  Work work;
  arrange<Cell>(s, true, space, work);
  const int64_t count = size<Cell>(s);
  memset(gradient, 0, members * count * sizeof(float));
  for (int64_t k = 0; k < members; k++) {
    Member m{};
    m.row = given.rows + k * count;
    m.x = given.x + k * given.x_stride;
    m.target = given.target_of(s.base, k);
    m.mask = given.mask + k * given.mask_stride;
    m.weight = given.weight + k * given.weight_stride;
    m.gradient = gradient + k * count;
    loss[k] = static_cast<float>(member<Cell, true>(s, work, m));
  }
}

}  // namespace

// Floats of work space, which begins on a cache line; `learns` for the gradient.
EXPORT int64_t NAME(seqanom_recurrent_space)(const Shape* s, int64_t learns) {
  Work work;
  if (s->kind == 0) return arrange<Rnn>(*s, learns, nullptr, work);
  if (s->kind == 1) return arrange<Gru>(*s, learns, nullptr, work);
  return arrange<Lstm>(*s, learns, nullptr, work);
}

// Outputs [members][batch][steps][outputs] of x, whose members lie `x_stride` floats apart.
EXPORT void NAME(seqanom_recurrent_outputs)(const Shape* s, int64_t members, const float* rows, const float* x,
                                            int64_t x_stride, float* out, float* space) {
  const Flush flush{};
  if (s->kind == 0) return outputs<Rnn>(*s, members, rows, x, x_stride, out, space);
  if (s->kind == 1) return outputs<Gru>(*s, members, rows, x, x_stride, out, space);
  return outputs<Lstm>(*s, members, rows, x, x_stride, out, space);
}

// Mean weighted losses [members] and their gradients [members][size].
EXPORT void NAME(seqanom_recurrent_gradient)(const Shape* s, int64_t members, const Given* given, float* loss,
                                             float* gradients, float* space) {
  const Flush flush{};
  if (s->kind == 0) return gradient<Rnn>(*s, members, *given, loss, gradients, space);
  if (s->kind == 1) return gradient<Gru>(*s, members, *given, loss, gradients, space);
  return gradient<Lstm>(*s, members, *given, loss, gradients, space);
}

// tanh of n values.
EXPORT void NAME(seqanom_tanh)(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += LANES) {
    float part[LANES] = {};
    const int64_t count = n - i < LANES ? n - i : LANES;
    memcpy(part, x + i, count * sizeof(float));
    store(part, tanh(load(part)));
    memcpy(y + i, part, count * sizeof(float));
  }
}
