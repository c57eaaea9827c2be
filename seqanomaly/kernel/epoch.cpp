// Epochs of a stack from its stored data: updates and the validation loss, one member after the other, so that what a
// member keeps stays in cache. A batch is gathered, used and forgotten.

#include "optimizer.h"
#include "sequence_loss.h"

namespace {

// The data of a stack as they lie in memory, with their weights where they are learned from; the same order as in
// Python. There are D data sets of N sequences of T steps, K members, and W windows of L steps each: without windows W
// is N and L is T.
struct Stored {
  int64_t sequences, steps, windows, length, features, target_bytes, kinds;
  const float* x;          // [D][N][T][features]
  const char* target;      // [D][N][T] of `target_bytes` each
  const uint8_t* mask;     // [D][N][T]
  const int64_t* begin;    // where windows begin in all steps [N][T] of a data set, [D][W]; null for whole sequences
  const int64_t* fresh;    // steps of a window that an earlier one holds, [D][W]; null for whole sequences
  const int64_t* lengths;  // steps of each sequence or window that are there, [D][W]; null where all have L
  const int64_t* data;     // which data set a member has, [K]
  const float* weight;     // [K][N][T]
  const float* of_place;   // factors on the weights by the place in the window, [K][kinds][L]; null for none
  const int64_t* kind;     // which of them a window takes, [K][W]
  const float* scale;      // a further factor of the window, [K][W]
};

// What is read of some sequences or windows, one after the other.
struct Batch {
  float* x;
  char* target;
  uint8_t* mask;
  float* weight;
};

// Gives the steps that are read of each: as many as the longest of them has.
INLINE int64_t gather(const Stored& s, int64_t k, const int64_t* index, int64_t count, const Batch& to) {
  const int64_t all = s.sequences * s.steps, data = s.data[k];
  int64_t length = s.lengths ? 1 : s.length;
  for (int64_t b = 0; s.lengths && b < count; b++) {
    const int64_t own = s.lengths[data * s.windows + index[b]];
    if (own > length) length = own;
  }
  for (int64_t b = 0; b < count; b++) {
    const int64_t begin = s.begin ? s.begin[data * s.windows + index[b]] : index[b] * s.steps, at = data * all + begin;
    memcpy(to.x + b * length * s.features, s.x + at * s.features, length * s.features * sizeof(float));
    memcpy(to.target + b * length * s.target_bytes, s.target + at * s.target_bytes, length * s.target_bytes);
    memcpy(to.mask + b * length, s.mask + at, length);
    if (!s.weight) continue;
    const float* from = s.weight + k * all + begin;
    float* weight = to.weight + b * length;
    memcpy(weight, from, length * sizeof(float));
    if (!s.of_place) continue;
    const int64_t window = k * s.windows + index[b];
    const float* factor = s.of_place + (k * s.kinds + s.kind[window]) * s.length;
    for (int64_t t = 0; t < length; t++) weight[t] = weight[t] * factor[t] * s.scale[window];
  }
  return length;
}

// The gradient of a family of models: mean weighted losses and their gradients, see `Given`.
typedef void Gradient(const int64_t* shape, int64_t members, const Given* given, float* loss, float* gradient,
                      float* space);

// What is the same in every epoch; the same order as in Python.
struct Learner {
  int64_t members, batch_size;
  const int64_t* counts;  // sequences, or windows, of each member
  int64_t* shape;         // of the model's family, which begins with the numbers of sequences and steps
  Gradient* gradient_of;
  const Stored* stored;
  const Optimizer* optimizer;
  Batch batch;
  float *gradient, *space;  // [size], and the work space of the family
};

// The outputs of a family of models.
typedef void Outputs(const int64_t* shape, int64_t members, const float* rows, const float* x, int64_t x_stride,
                     float* outputs, float* space);

// What is the same in every evaluation; the same order as in Python.
struct Judge {
  int64_t members, size, batch_size, base, outputs;  // size: of a row
  const int64_t* counts;                              // sequences, or windows, of each member
  const int64_t* steps;                               // steps of each member that count
  int64_t* shape;                                     // as that of a learner
  Outputs* outputs_of;
  const Stored* stored;
  const float* rows;
  const int64_t* index;  // in which order they are read, [D][W]
  Batch batch;
  float *ones, *out, *scratch, *space;
};

// Losses of what is at `count` places from `first` on, added up, each step in the first window that holds it.
INLINE double losses(const Judge& j, int64_t k, int64_t first, int64_t count) {
  const Stored& s = *j.stored;
  const Batch& b = j.batch;
  const int64_t *index = j.index + s.data[k] * s.windows + first, *fresh = s.fresh + s.data[k] * s.windows;
  j.shape[0] = count;
  j.shape[1] = gather(s, k, index, count, b);
  for (int64_t w = 0; s.fresh && w < count; w++) memset(b.mask + w * j.shape[1], 0, fresh[index[w]]);
  j.outputs_of(j.shape, 1, j.rows + k * j.size, b.x, 0, j.out, j.space);
  return step_losses(j.base, j.out, j.outputs, j.outputs, count * j.shape[1], b.target, b.mask, j.ones, 0, j.scratch);
}

// The updates of member k from batch `first` to before `last` of an epoch in that order; gives its losses, each times
// its sequences, added to `total`.
INLINE float learn(const Learner& l, int64_t k, const int64_t* order, int64_t first, int64_t last, float total) {
  const Batch& b = l.batch;
  for (int64_t at = first * l.batch_size; at < last * l.batch_size && at < l.counts[k]; at += l.batch_size) {
    const int64_t left = l.counts[k] - at, count = left < l.batch_size ? left : l.batch_size;
    l.shape[0] = count;
    l.shape[1] = gather(*l.stored, k, order + at, count, b);
    const Given given = {l.optimizer->rows + k * l.optimizer->size, b.x, 0, b.target, 0, b.mask, 0, b.weight, 0};
    float loss;
    l.gradient_of(l.shape, 1, &given, &loss, l.gradient, l.space);
    update(*l.optimizer, k, l.gradient);
    total += loss * (float)count;
  }
  return total;
}

// Mean unweighted loss of member k over the steps that count.
INLINE float judged(const Judge& j, int64_t k) {
  double total = 0;
  for (int64_t at = 0; at < j.counts[k]; at += j.batch_size) {
    const int64_t left = j.counts[k] - at;
    total += losses(j, k, at, left < j.batch_size ? left : j.batch_size);
  }
  return (float)total / (float)(j.steps[k] > 0 ? j.steps[k] : 1);
}

// What is known of the members; the same order as in Python.
struct State {
  int64_t patience;  // epochs without a better validation loss after which a member stops; 0 for never
  float* best;       // rows of the best epochs so far, [members][size]
  float* loss;       // their validation losses, [members]
  int64_t* since;    // epochs since then, [members]
  bool* stopped;     // [members]
};

// Whether member k goes on after an epoch with such losses; its row is kept if it is the best so far.
INLINE bool goes_on(const State& s, const Optimizer& o, int64_t k, float train, float validation) {
  if (!isfinite(train) || !isfinite(validation)) return false;
  if (!(validation < s.loss[k])) return ++s.since[k] != s.patience;
  s.loss[k] = validation, s.since[k] = 0;
  memcpy(s.best + k * o.size, o.rows + k * o.size, o.size * sizeof(float));
  return true;
}

}  // namespace

// The updates from batch `first` to before `last` of an epoch in the order [members][order_row]. Sums up each member's
// losses, times its sequences, in total [members], and gives their mean once the epoch is over. A member that has no
// batch of such a number rests.
EXPORT void NAME(seqanom_updates)(
    const Learner* l, const int64_t* order, int64_t order_row, int64_t first, int64_t last, float* total, float* mean) {
  const Flush flush{};
  for (int64_t k = 0; k < l->members; k++, order += order_row) {
    total[k] = learn(*l, k, order, first, last, first ? total[k] : 0);
    mean[k] = total[k] / (float)l->counts[k];
  }
}

// Some epochs, each in an order [members][order_row] of its own, and mean losses [epochs][members] over the training
// data and over those of a judge; of a member, until it stops.
EXPORT void NAME(seqanom_epochs)(const Learner* l, const Judge* j, const State* s, const int64_t* order,
                                 int64_t order_row, int64_t epochs, float* train, float* validation) {
  const Flush flush{};
  for (int64_t k = 0; k < l->members; k++)
    for (int64_t e = 0; e < epochs && !s->stopped[k]; e++) {
      const int64_t at = e * l->members + k;
      train[at] = learn(*l, k, order + at * order_row, 0, l->counts[k], 0) / (float)l->counts[k];
      validation[at] = judged(*j, k);
      s->stopped[k] = !goes_on(*s, *l->optimizer, k, train[at], validation[at]);
    }
}

// Mean unweighted loss [members] over the steps that count.
EXPORT void NAME(seqanom_losses)(const Judge* j, float* loss) {
  const Flush flush{};
  for (int64_t k = 0; k < j->members; k++) loss[k] = judged(*j, k);
}

// One update of all rows from their gradients [members][size].
EXPORT void NAME(seqanom_update)(const Optimizer* o, int64_t members, const float* gradient) {
  const Flush flush{};
  for (int64_t k = 0; k < members; k++) update(*o, k, gradient + k * o->size);
}

// What updates of member k read of what is at `index` [count], one batch over the other: to be looked at and timed.
EXPORT void NAME(seqanom_gather)(
    const Stored* stored, int64_t k, const int64_t* index, int64_t count, int64_t batch_size, const Batch* to) {
  for (int64_t at = 0; at < count; at += batch_size)
    gather(*stored, k, index + at, count - at < batch_size ? count - at : batch_size, *to);
}
