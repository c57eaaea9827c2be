// The temporal convolutional detector of models/tcn.py: blocks of two causal convolutions, then a linear head.
//
// One member after the other, a few sequences after the other: what a layer of them needs forward and backward lies in
// the first or second cache, and its weights and their gradients are fetched once for all of them. Gradients add up
// over the sequences in their order. Sequences without a valid step are left out, and so are the steps after a
// sequence's last valid one, which nothing before them sees.

#include "pairs.h"
#include "sequence_loss.h"
#include "tiles.h"

namespace {

// A convolution of `taps` taps, `dilation` steps apart; a dense layer is one of one tap.
struct Layer {
  int64_t inputs, outputs, taps, dilation;
  int64_t weight, bias;            // where they lie in a row of parameters: [outputs][inputs][taps], [outputs]
  float *forward, *backward;       // packed: [group][taps or products][inputs or, backward, outputs][its columns]
  float *offset;                   // [columns], the bias
  float *gradient, *bias_gradient; // [taps or products][inputs][columns], [columns]
  int64_t columns, columns_back;
  bool paired;                     // packed and computed as in pairs.h
};

struct Block {
  Layer first, second, skip;
  float *a, *b, *h;  // panels: after the first and the second convolution, and of the block
};

constexpr int64_t MOST_LAYERS = 32;
constexpr int64_t TOGETHER = 4;      // most sequences whose layers are computed one after the other,
constexpr int64_t CACHED = 1 << 18;  // where the layers take more floats than that,
constexpr int64_t PANELS = 1 << 21;  // and the panels of all of them at most that many

// The model, and where everything lies in the work space.
struct Network {
  int64_t batch, steps, features, outputs, channels, kernel, layers, loss;
  int64_t ld, ld_x, ld_z, size;
  int64_t together, between;  // sequences; floats from a panel of one of them to that of the next
  Block block[MOST_LAYERS];
  Layer head;
  bool has_skip;
  float *x, *z, *s, *g, *da, *db, *zeros, *scratch, *u, *e;
};

struct Space {
  float* base;
  int64_t used;
  float* take(int64_t count) {
    float* found = base ? base + used : nullptr;
    used += (count + 15) / 16 * 16;
    return found;
  }
  float* panel(int64_t steps, int64_t ld) {
    float* found = take((steps + 2 * PAD) * ld);
    return found ? found + PAD * ld : nullptr;
  }
};

Layer make_layer(Space& space, int64_t& at, int64_t inputs, int64_t outputs, int64_t taps, int64_t dilation) {
  Layer l = {inputs, outputs, taps, dilation, at, at + outputs * inputs * taps};
  at = l.bias + outputs;
  l.columns = round8(outputs);
  l.columns_back = round8(inputs);
  l.paired = by_pairs(inputs, outputs, taps, dilation);
  const int64_t each = l.paired ? PRODUCTS : taps;
  l.forward = space.take(each * inputs * l.columns);
  l.backward = space.take(each * outputs * l.columns_back);
  l.offset = space.take(l.columns);
  l.gradient = space.take(each * inputs * l.columns);
  l.bias_gradient = space.take(l.columns);
  return l;
}

// shape: batch, steps, features, outputs, channels, kernel, layers, loss.
int64_t make_network(Network& m, const int64_t* shape, float* base) {
  int64_t* const field[] = {&m.batch, &m.steps, &m.features, &m.outputs, &m.channels, &m.kernel, &m.layers, &m.loss};
  for (int i = 0; i < 8; i++) *field[i] = shape[i];
  Space space = {base, 0};
  const int64_t t = m.steps, c = m.channels;
  m.ld = distance(c), m.ld_x = distance(m.features), m.ld_z = distance(m.outputs);
  int64_t at = 0, widest = 0;  // values of all pairs
  m.has_skip = m.features != c;
  for (int64_t n = 0; n < m.layers; n++) {
    const int64_t inputs = n ? c : m.features;
    m.block[n].first = make_layer(space, at, inputs, c, m.kernel, int64_t(1) << n);
    m.block[n].second = make_layer(space, at, c, c, m.kernel, int64_t(1) << n);
    if (n == 0 && m.has_skip) m.block[n].skip = make_layer(space, at, inputs, c, 1, 1);
    if (m.block[n].second.paired && widest < pairs(t, int64_t(1) << n)) widest = pairs(t, int64_t(1) << n);
  }
  m.head = make_layer(space, at, c, m.outputs, 1, 1);
  m.size = at;
  const bool cached = space.used <= CACHED;
  m.zeros = space.take(m.ld > m.ld_x ? m.ld : m.ld_x);
  m.scratch = space.take(loss_scratch(m.outputs));
  m.u = space.take(PRODUCTS * widest * m.ld), m.e = space.take(PRODUCTS * widest * m.ld);
  const int64_t panels = space.used;
  m.x = space.panel(t, m.ld_x), m.z = space.panel(t, m.ld_z);
  m.s = space.panel(t, m.ld), m.g = space.panel(t, m.ld), m.da = space.panel(t, m.ld), m.db = space.panel(t, m.ld);
  for (int64_t n = 0; n < m.layers; n++) {
    m.block[n].a = space.panel(t, m.ld), m.block[n].b = space.panel(t, m.ld), m.block[n].h = space.panel(t, m.ld);
  }
  m.between = space.used - panels;
  const int64_t most = cached ? 1 : m.batch < TOGETHER ? m.batch : TOGETHER;
  m.together = m.between * most > PANELS ? 1 : most;
  if (base) {
    memset(base + panels, 0, m.together * m.between * sizeof(float));
    memset(m.zeros, 0, (m.ld > m.ld_x ? m.ld : m.ld_x) * sizeof(float));
  }
  // Room for fewer and shorter sequences, too, of which more may be computed together.
  const int64_t room = m.between * most < PANELS ? m.between * most : PANELS;
  return panels + (m.between > room ? m.between : room);
}

// A row's [outputs][inputs][taps] in groups of columns; `back` swaps inputs and outputs. Zeros where there is neither.
void pack(const Layer& l, const float* row, bool back) {
  const int64_t columns = back ? l.columns_back : l.columns, real = back ? l.inputs : l.outputs;
  const int64_t rows = back ? l.outputs : l.inputs;
  const int64_t by_column = back ? l.taps : l.inputs * l.taps, by_row = back ? l.inputs * l.taps : l.taps;
  float* to = back ? l.backward : l.forward;
  if (l.paired) {
    for (int64_t at = 0, width; at < columns; at += width, to += PRODUCTS * rows * width) {
      width = pair_group(columns - at);
      for (int64_t i = 0; i < rows; i++)
        for (int64_t o = 0; o < width; o++) {
          const float* g = row + l.weight + (at + o) * by_column + i * by_row;
          pack_products(g[0], g[1], g[2], to + i * width + o, rows * width);
        }
    }
    return;
  }
  for (int64_t at = 0, width; at < columns; at += width) {
    width = group(columns - at);
    for (int64_t j = 0; j < l.taps; j++)
      for (int64_t i = 0; i < rows; i++)
        for (int64_t o = at; o < at + width; o++)
          *to++ = o < real ? row[l.weight + o * by_column + i * by_row + j] : 0.0f;
  }
}

void load_layer(const Layer& l, const float* row, bool train, bool back) {
  pack(l, row, false);
  for (int64_t o = 0; o < l.columns; o++) l.offset[o] = o < l.outputs ? row[l.bias + o] : 0.0f;
  if (back) pack(l, row, true);
  if (!train) return;
  memset(l.gradient, 0, (l.paired ? PRODUCTS : l.taps) * l.inputs * l.columns * sizeof(float));
  memset(l.bias_gradient, 0, l.columns * sizeof(float));
}

void store_gradient(const Layer& l, float* row) {
  const int64_t plane = l.inputs * l.columns;
  for (int64_t o = 0; o < l.outputs; o++) {
    for (int64_t i = 0; i < l.inputs; i++) {
      float* to = row + l.weight + (o * l.inputs + i) * l.taps;
      const float* g = l.gradient + i * l.columns + o;
      if (l.paired) {
        const float half = (g[plane] + g[2 * plane]) * 0.5f;
        to[0] = g[0] + half, to[1] = (g[plane] - g[2 * plane]) * 0.5f, to[2] = half + g[3 * plane];
      } else {
        for (int64_t j = 0; j < l.taps; j++) to[j] = g[j * plane];
      }
    }
    row[l.bias + o] = l.bias_gradient[o];
  }
}

void load_weights(const Network& m, const float* row, bool train) {
  for (int64_t n = 0; n < m.layers; n++) {
    load_layer(m.block[n].first, row, train, train && n > 0);
    load_layer(m.block[n].second, row, train, train);
    if (n == 0 && m.has_skip) load_layer(m.block[n].skip, row, train, false);
  }
  load_layer(m.head, row, train, train);
}

void store_gradients(const Network& m, float* row) {
  for (int64_t n = 0; n < m.layers; n++) {
    store_gradient(m.block[n].first, row);
    store_gradient(m.block[n].second, row);
    if (n == 0 && m.has_skip) store_gradient(m.block[n].skip, row);
  }
  store_gradient(m.head, row);
}

void apply(
    [[maybe_unused]] const Network& m, const Layer& l, const float* in, int64_t ld, int64_t steps, const Finish& f) {
#if defined(__AVX512F__)
  if (l.paired) {
    transform(in, ld, l.inputs, steps, l.dilation, m.zeros, m.u);
    return convolve_pairs({m.u, l.forward, l.offset, l.columns, l.dilation, steps}, f);
  }
#endif
  const int64_t first = -(l.taps - 1) * l.dilation;
  convolve({in, ld, l.inputs, l.forward, l.offset, l.columns, l.taps, first, l.dilation, steps}, f);
}

// The gradient by a layer's input from `d`, the one by its output.
void apply_back(const Network& m, const Layer& l, const float* d, int64_t ld, int64_t steps, Finish f) {
#if defined(__AVX512F__)
  if (l.paired) {  // the same with time going backward
    const int64_t last = (steps - 1) * ld;
    transform(d + last, -ld, l.outputs, steps, l.dilation, m.zeros, m.u);
    f.ld = -f.ld, f.out += last;
    if (f.second) f.second += last, f.add += last, f.gate2 += last;
    f.gate += last;
    return convolve_pairs({m.u, l.backward, m.zeros, l.columns_back, l.dilation, steps}, f);
  }
#endif
  const int64_t first = (l.taps - 1) * l.dilation;
  convolve({d, ld, l.outputs, l.backward, m.zeros, l.columns_back, l.taps, first, -l.dilation, steps}, f);
}

void add_gradient(
    [[maybe_unused]] const Network& m, const Layer& l, const float* in, int64_t ld_in, const float* d, int64_t ld,
    int64_t steps) {
#if defined(__AVX512F__)
  if (l.paired) {
    transform(in, ld_in, l.inputs, steps, l.dilation, m.zeros, m.u);
    transform_gradient(d, ld, l.columns, steps, l.dilation, m.zeros, m.e);
    const int64_t count = pairs(steps, l.dilation), plane = count * m.ld;
    for (int64_t j = 0; j < PRODUCTS; j++)
      outer({m.u + j * plane, m.ld, l.inputs, m.e + j * plane, m.ld, l.columns, count,
             l.gradient + j * l.inputs * l.columns});
  }
#endif
  for (int64_t j = 0; j < l.taps && !l.paired; j++) {
    const int64_t behind = (l.taps - 1 - j) * l.dilation;
    if (behind >= steps) continue;
    outer({in, ld_in, l.inputs, d + behind * ld, ld, l.columns, steps - behind,
           l.gradient + j * l.inputs * l.columns});
  }
  add_rows(d, ld, l.columns, steps, l.bias_gradient);
}

// Some sequences that are computed together, each in panels of its own.
struct Sequences {
  int64_t count;
  int64_t steps[TOGETHER];
  int64_t number[TOGETHER];  // which of the batch each is
};

// work(shift, steps) for each sequence, whose panels lie `shift` floats after those of the first.
template <typename Work> INLINE void for_each(const Network& m, const Sequences& some, Work work) {
  for (int64_t s = 0; s < some.count; s++) work(s * m.between, some.steps[s]);
}

// Outputs [steps][ld_z] of sequences of x [batch][steps][features] into the panels z.
void forward(const Network& m, const float* x, const Sequences& some) {
  for (int64_t s = 0; s < some.count; s++) {
    const float* from = x + some.number[s] * m.steps * m.features;
    for (int64_t t = 0; t < some.steps[s]; t++, from += m.features)
      memcpy(m.x + s * m.between + t * m.ld_x, from, m.features * sizeof(float));
  }
  const float* in = m.x;
  int64_t ld = m.ld_x;
  for (int64_t n = 0; n < m.layers; n++) {
    const Block& k = m.block[n];
    const bool skip = n == 0 && m.has_skip;
    if (skip)
      for_each(m, some, [&](int64_t at, int64_t t) {
        apply(m, k.skip, in + at, ld, t, {Finish::SUM, m.ld, m.s + at});
      });
    for_each(m, some, [&](int64_t at, int64_t t) {
      apply(m, k.first, in + at, ld, t, {Finish::RELU, m.ld, k.a + at});
    });
    const float* add = skip ? m.s : in;
    for_each(m, some, [&](int64_t at, int64_t t) {
      apply(m, k.second, k.a + at, m.ld, t, {Finish::RESIDUAL, m.ld, k.b + at, k.h + at, add + at});
    });
    in = k.h, ld = m.ld;
  }
  for_each(m, some, [&](int64_t at, int64_t t) { apply(m, m.head, in + at, ld, t, {Finish::SUM, m.ld_z, m.z + at}); });
}

// Adds the gradients of sequences, whose gradients by their outputs stand in the panels z.
void backward(const Network& m, const Sequences& some) {
  const Block* k = &m.block[m.layers - 1];
  for_each(m, some, [&](int64_t at, int64_t steps) {
    for (int64_t t = steps; t < steps + PAD && t < m.steps; t++) {
      memset(m.da + at + t * m.ld, 0, m.ld * sizeof(float));
      memset(m.db + at + t * m.ld, 0, m.ld * sizeof(float));
    }
    add_gradient(m, m.head, k->h + at, m.ld, m.z + at, m.ld_z, steps);
    float* g = m.g + at;
    memset(g, 0, steps * m.ld * sizeof(float));
    apply_back(m, m.head, m.z + at, m.ld_z, steps, {Finish::GATES, m.ld, g, m.db + at, g, k->h + at, k->b + at});
  });
  for (int64_t n = m.layers - 1; n >= 0; n--, k--) {  // g is the gradient by the block before its last ReLU
    const float* in = n ? m.block[n - 1].h : m.x;
    const int64_t ld = n ? m.ld : m.ld_x;
    for_each(m, some, [&](int64_t at, int64_t t) { add_gradient(m, k->second, k->a + at, m.ld, m.db + at, m.ld, t); });
    for_each(m, some, [&](int64_t at, int64_t t) {
      apply_back(m, k->second, m.db + at, m.ld, t, {Finish::GATE, m.ld, m.da + at, nullptr, nullptr, k->a + at});
    });
    for_each(m, some, [&](int64_t at, int64_t t) { add_gradient(m, k->first, in + at, ld, m.da + at, m.ld, t); });
    if (n == 0 && m.has_skip)
      for_each(m, some, [&](int64_t at, int64_t t) { add_gradient(m, k->skip, in + at, ld, m.g + at, m.ld, t); });
    if (n == 0) break;
    const Block& before = m.block[n - 1];
    for_each(m, some, [&](int64_t at, int64_t t) {
      float* g = m.g + at;
      apply_back(m, k->first, m.da + at, m.ld, t, {Finish::GATES, m.ld, g, m.db + at, g, before.h + at, before.b + at});
    });
  }
}

}  // namespace

// Floats of work space that the other functions need.
EXPORT int64_t NAME(seqanom_tcn_space)(const int64_t* shape, int64_t /* learns */) {
  Network m;
  return make_network(m, shape, nullptr);
}

// outputs [members][batch][steps][outputs] of x, whose members lie `x_stride` floats apart.
EXPORT void NAME(seqanom_tcn_outputs)(
    const int64_t* shape, int64_t members, const float* rows, const float* x, int64_t x_stride, float* outputs,
    float* space) {
  const Flush flush{};
  Network m;
  make_network(m, shape, space);
  for (int64_t k = 0; k < members; k++) {
    load_weights(m, rows + k * m.size, false);
    for (int64_t b = 0; b < m.batch; b += m.together) {
      Sequences some = {};
      for (; some.count < m.together && b + some.count < m.batch; some.count++)
        some.number[some.count] = b + some.count, some.steps[some.count] = m.steps;
      forward(m, x + k * x_stride, some);
      float* to = outputs + (k * m.batch + b) * m.steps * m.outputs;
      for_each(m, some, [&](int64_t at, int64_t steps) {
        for (int64_t t = 0; t < steps; t++, to += m.outputs)
          memcpy(to, m.z + at + t * m.ld_z, m.outputs * sizeof(float));
      });
    }
  }
}

// Mean weighted losses [members] and their gradients [members][size].
EXPORT void NAME(seqanom_tcn_gradient)(
    const int64_t* shape, int64_t members, const Given* given, float* loss, float* gradient, float* space) {
  const Flush flush{};
  Network m;
  make_network(m, shape, space);
  const int64_t targets = m.loss == MSE ? m.outputs : 1;
  for (int64_t k = 0; k < members; k++) {
    load_weights(m, given->rows + k * m.size, true);
    const uint8_t* valid = given->mask + k * given->mask_stride;
    const float* weight = given->weight + k * given->weight_stride;
    int64_t count = 0;
    for (int64_t i = 0; i < m.batch * m.steps; i++) count += valid[i] != 0;
    const double share = 1.0 / (count ? count : 1);
    double total = 0;
    for (int64_t b = 0; b < m.batch;) {
      Sequences some = {};
      for (; b < m.batch && some.count < m.together; b++) {
        int64_t steps = m.steps;
        while (steps && !valid[b * m.steps + steps - 1]) steps--;
        if (steps) some.number[some.count] = b, some.steps[some.count++] = steps;
      }
      forward(m, given->x + k * given->x_stride, some);
      for (int64_t s = 0; s < some.count; s++) {
        const int64_t at = some.number[s] * m.steps;
        const void* target = given->target_of(m.loss, k, at * targets);
        total += step_losses(m.loss, m.z + s * m.between, m.ld_z, m.outputs, some.steps[s], target, valid + at,
                             weight + at, (float)share, m.scratch);
      }
      backward(m, some);
    }
    loss[k] = (float)(total * share);
    store_gradients(m, gradient + k * m.size);
  }
}
