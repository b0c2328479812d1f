"""Ways of being wrong, planted in the files that ship by exchanging a piece of their text, and what must tell them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import mlp_impls
from tests.frameworks.pieces import PIECES

# Which result must be the first beyond its bound. The weights as built come first, then logits and loss, the gradients
# of W1, b1, W2, b2, loss and gradients at extreme logits, the losses of ten steps and the weights after them.
CAUGHT_BY = {
    "bias gradients halved": "gradient of b1",
    "weights transposed": "logits",
    "update skipped": "gradient of W1",  # which are read off an update
    "update done twice": "gradient of W1",
    "sum in place of mean": "loss",
    "ReLU's gradient negated": "gradient of W1",  # it lies behind the ReLU, W2 does not
    "stale batch": "loss of step 2",  # the first step has nothing stale
    "learning rate a thousandth too high": "gradient of W1",
    "products in fewer bits": "logits",
    "softmax over the wrong axis": "loss",
    "biases missing": "gradient of b1",  # biases start at zero: no logit misses them, but a derivative does
    "given weights ignored": "W1 as built",
    "learning rate ignored": "gradient of W1",  # and ten steps, at the rate it uses instead, are right
    "learning rate decaying": "loss of step 3",  # which is the first after a step with another rate
    "weights rounded to bfloat16 by the update": "gradient of W1",
    "float64 computed in float32": "logits",  # the weights are values of float32
    "ReLU missing": "logits",
    "ReLU passing a gradient at zero": "gradient of b1",  # that of W1 is zero for dark images
    "softmax not shifted": "loss (extreme logits)",
    "last example dropped": "loss",
    "labels of the neighbours": "loss",
    "loss of the step before returned": "loss of step 2",
    "gradients clipped": "gradient of W1 (extreme logits)",  # only there is any of them large
    "momentum": "loss of step 3",  # the second step is the first that has any
    "gradients added up over steps": "loss of step 3",
    "weight decay": "gradient of W1",
}
# By hand the gradient of a bias needs no bias: the loss tells as soon as there is one.
CAUGHT_ELSEWHERE = {("numpy", "biases missing"): "loss of step 2"}

# Not by the seed of the case, with which those that are given were drawn.
OWN_WEIGHTS = "0.01 * np.random.default_rng(271828).standard_normal({}.shape)"
VELOCITY = "velocity = vars(self).setdefault('velocity', {})"

ANYWHERE = {
    "stale batch": {"batch": "images, labels = getattr(self, 'stale', batch); self.stale = batch\n"},
    "last example dropped": {"batch": "images, labels = (part[:-1] for part in batch)\n"},
}
BY_RESULT = {
    "loss of the step before returned": {
        "result": "last, self.last = getattr(self, 'last', loss), loss; return last\n\n    def read",
    },
    "learning rate decaying": {"result": "self._learning_rate *= 0.9; return loss\n\n    def read"},
}
WITH_RATE_KEPT = {
    "learning rate a thousandth too high": {"rate": "self._learning_rate = 1.001 * learning_rate"},
    "learning rate ignored": {"rate": "self._learning_rate = 0.1"},
}
DIFFERENTIATED = {"sum in place of mean": {"mean": "losses.sum()"}, "ReLU missing": {"relu's use": "values"}}

MUTATIONS = {
    "numpy": ANYWHERE | BY_RESULT | WITH_RATE_KEPT | {
        "bias gradients halved": {"bias gradient": "self._gradients[2 * layer + 1] = delta.sum(axis=0) / 2"},
        "weights transposed": {"product": "np.matmul(values, self._parameters[2 * layer].T, out=output)"},
        "update skipped": {"update": "pass"},
        "update done twice": {"update": "np.subtract(parameter, 2 * gradient, out=parameter)"},
        "sum in place of mean": {"divisor": "divisor = 1"},
        "ReLU's gradient negated": {"dead": "np.multiply(previous, dead - 1.0, out=previous)"},
        "products in fewer bits": {
            "product": "output[:] = values.astype(np.float16) @ self._parameters[2 * layer].astype(np.float16)"
        },
        "softmax over the wrong axis": {
            "normaliser": "column = np.sum(logits, axis=0, keepdims=True)",
            "normaliser of the labelled": "column[0, labels]",
        },
        "biases missing": {"bias": "pass"},
        "given weights ignored": {"given": f"np.array({OWN_WEIGHTS.format('values')}, dtype=dtype, order='C')"},
        "weights rounded to bfloat16 by the update": {
            "update": "parameter -= gradient; parameter.view(np.uint32)[:] &= np.uint32(0xFFFF0000)"
        },
        "float64 computed in float32": {"dtype": "self._dtype = dtype = 'float32'"},
        "ReLU missing": {"relu": "pass"},
        "softmax not shifted": {"maximum": "column[:] = 0"},
        "labels of the neighbours": {"batch": "images, labels = batch[0], np.roll(batch[1], 1)\n"},
        "gradients clipped": {"scaled gradient": "gradient = gradient.clip(-1, 1) * self._learning_rate"},
        "momentum": {
            "update": f"{VELOCITY}; velocity[id(parameter)] = gradient + 0.9 * velocity.get(id(parameter), 0); "
            "parameter -= velocity[id(parameter)]"
        },
        "weight decay": {"update": "parameter -= gradient + self._learning_rate * 0.01 * parameter"},
    },
    "torch": ANYWHERE | BY_RESULT | WITH_RATE_KEPT | DIFFERENTIATED | {
        "bias gradients halved": {"update": "parameter -= self._learning_rate * parameter.grad / (3 - parameter.ndim)"},
        "weights transposed": {"product": "values @ self._parameters[layer].T"},
        "update skipped": {"update": "pass"},
        "update done twice": {"update": "parameter -= 2 * self._learning_rate * parameter.grad"},
        "ReLU's gradient negated": {"relu": "torch.where(values > 0, 2 * values.detach() - values, 0.0)"},
        "products in fewer bits": {
            "product": "(values.bfloat16() @ self._parameters[layer].bfloat16()).to(values.dtype)"
        },
        "softmax over the wrong axis": {"normaliser": "shifted.exp().sum(dim=0).log()[labels]"},
        "biases missing": {"bias": "0 * self._parameters[layer + 1]"},
        "given weights ignored": {"given": f"torch.tensor({OWN_WEIGHTS.format('w')}, "},
        "weights rounded to bfloat16 by the update": {
            "update": "parameter.copy_((parameter - self._learning_rate * parameter.grad).bfloat16())"
        },
        "float64 computed in float32": {"dtypes": "torch.float32"},
        "ReLU passing a gradient at zero": {"relu": "torch.where(values >= 0, values, 0.0)"},
        "softmax not shifted": {"maximum": "0"},
        "labels of the neighbours": {"batch": "images, labels = batch[0], batch[1].roll(1, 0)\n"},
        "gradients clipped": {"update": "parameter -= self._learning_rate * parameter.grad.clamp(-1, 1)"},
        "momentum": {
            "update": "parameter.velocity = parameter.grad + 0.9 * getattr(parameter, 'velocity', 0); "
            "parameter -= self._learning_rate * parameter.velocity"
        },
        "gradients added up over steps": {"cleared gradient": "pass"},
        "weight decay": {"update": "parameter -= self._learning_rate * (parameter.grad + 0.01 * parameter)"},
    },
    "jax": ANYWHERE | BY_RESULT | DIFFERENTIATED | {
        "bias gradients halved": {"update": "old - learning_rate * gradient / (3 - old.ndim)"},
        "weights transposed": {"product": "jnp.matmul(values, weights[layer].T, "},
        "update skipped": {"update": "old"},
        "update done twice": {"update": "(old - 2 * learning_rate * gradient)"},
        "ReLU's gradient negated": {"relu": "jnp.where(values > 0, 2 * lax.stop_gradient(values) - values, 0)"},
        "learning rate a thousandth too high": {"rate": "_placed(1.001 * learning_rate, "},
        "learning rate ignored": {"rate": "_placed(0.1, "},
        "products in fewer bits": {
            "product": "jnp.matmul(values.astype(jnp.bfloat16), weights[layer].astype(jnp.bfloat16), "
        },
        "softmax over the wrong axis": {"normaliser": "jnp.exp(shifted).sum(axis=0)[labels]"},
        "biases missing": {"bias": "0 * weights[layer + 1]"},
        "given weights ignored": {"given": f"_placed({OWN_WEIGHTS.format('values')}, kind, "},
        "weights rounded to bfloat16 by the update": {
            "update": "(old - learning_rate * gradient).astype(jnp.bfloat16).astype(old.dtype)"
        },
        "float64 computed in float32": {"dtypes": "jnp.float32"},
        "ReLU passing a gradient at zero": {"relu": "jnp.where(values >= 0, values, 0)"},
        "softmax not shifted": {"maximum": "0"},
        "labels of the neighbours": {"batch": "images, labels = batch[0], jnp.roll(batch[1], 1)\n"},
        "gradients clipped": {"update": "(old - learning_rate * jnp.clip(gradient, -1, 1))"},
        "momentum": {
            "step": "before = list(map(jnp.copy, self._weights)); self._weights, loss = compiled_step(",
            "result": "triples = zip(self._weights, before, getattr(self, 'before', before))\n"
            "        self._weights = tuple(new + 0.9 * (old - older) for new, old, older in triples)\n"
            "        self.before = before\n        return loss\n\n    def read",
        },
        "weight decay": {"update": "(old - learning_rate * (gradient + 0.01 * old))"},
    },
    "tensorflow": ANYWHERE | {
        "bias gradients halved": {"gradient": "(gradient / (3 - len(parameter.shape)))"},
        "weights transposed": {"product": "values @ tf.transpose(parameters[layer])"},
        "update skipped": {"update": "pass"},
        "update done twice": {"update": "parameter.assign_sub(2 * update)"},
        "sum in place of mean": {"mean": "tf.reduce_sum(losses)"},
        "ReLU's gradient negated": {
            "relu": "(2 * tf.stop_gradient(values) - values) * tf.cast(values > 0, values.dtype)"
        },
        "learning rate a thousandth too high": {"rate": "tf.constant(1.001 * learning_rate, "},
        "learning rate ignored": {"rate": "tf.constant(0.1, "},
        "products in fewer bits": {
            "product": "tf.cast(tf.cast(values, tf.bfloat16) @ tf.cast(parameters[layer], tf.bfloat16), values.dtype)"
        },
        "softmax over the wrong axis": {"normaliser": "tf.gather(tf.reduce_sum(tf.exp(shifted), axis=0), labels)"},
        "biases missing": {"bias": "0 * parameters[layer + 1]"},
        "given weights ignored": {"given": f"tf.cast({OWN_WEIGHTS.format('values')}, kind)"},
        "weights rounded to bfloat16 by the update": {
            "update": "parameter.assign(tf.cast(tf.cast(parameter - update, tf.bfloat16), parameter.dtype))"
        },
        "float64 computed in float32": {"dtypes": "tf.float32"},
        "ReLU missing": {"relu's use": "values"},
        "ReLU passing a gradient at zero": {"relu": "tf.maximum(values, tf.zeros((), values.dtype))"},
        "softmax not shifted": {"maximum": "0"},
        "labels of the neighbours": {"batch": "images, labels = batch[0], tf.roll(batch[1], 1, 0)\n"},
        "loss of the step before returned": {
            "result": "loss = step(images, labels)\n"
            "        last, self.last = getattr(self, 'last', loss), loss\n        return last\n"
        },
        "gradients clipped": {"gradient": "tf.clip_by_value(gradient, -1, 1)"},
        "momentum": {
            "result": "before, loss = self.weights(), step(images, labels)\n"
            "        for parameter, old, older in zip(self._parameters, before, getattr(self, 'before', before)):\n"
            "            parameter.assign_add(0.9 * (old - older))\n"
            "        self.before = before\n        return loss\n",
        },
        "weight decay": {"gradient": "(gradient + 0.01 * parameter)"},
    },
    "mxnet": ANYWHERE | BY_RESULT | WITH_RATE_KEPT | DIFFERENTIATED | {
        "bias gradients halved": {"update": "parameter -= self._learning_rate * parameter.grad / (3 - parameter.ndim)"},
        "weights transposed": {"product": "mnp.dot(values, self._parameters[layer].T)"},
        "update skipped": {"update": "pass"},
        "update done twice": {"update": "parameter -= 2 * self._learning_rate * parameter.grad"},
        "ReLU's gradient negated": {"relu": "(2 * values.detach() - values) * (values > 0)"},
        "products in fewer bits": {
            "product": "mnp.dot(*(part.astype('float16').astype(part.dtype) "
            "for part in (values, self._parameters[layer])))"
        },
        "softmax over the wrong axis": {"normaliser": "mnp.take(mnp.log(mnp.exp(shifted).sum(axis=0)), labels)"},
        "biases missing": {"bias": "0 * self._parameters[layer + 1]"},
        "given weights ignored": {"given": f"mnp.array({OWN_WEIGHTS.format('values')}, dtype=dtype"},
        "float64 computed in float32": {"given": "mnp.array(values, dtype='float32'"},
        "ReLU passing a gradient at zero": {"relu": "mnp.maximum(values, mnp.zeros_like(values))"},
        "softmax not shifted": {"maximum": "0"},
        "labels of the neighbours": {"batch": "images, labels = batch[0], mnp.roll(batch[1], 1)\n"},
        "gradients clipped": {"update": "parameter -= self._learning_rate * mnp.clip(parameter.grad, -1, 1)"},
        "momentum": {
            "update": f"{VELOCITY}; velocity[id(parameter)] = parameter.grad + 0.9 * velocity.get(id(parameter), 0); "
            "parameter -= self._learning_rate * velocity[id(parameter)]"
        },
        "gradients added up over steps": {"gradient's memory": "attach_grad('add')"},
        "weight decay": {"update": "parameter -= self._learning_rate * (parameter.grad + 0.01 * parameter)"},
    },
}  # fmt: skip


def text(framework: str, wrong: str | None) -> str:
    """Return the source of a framework's implementation from scratch with one thing wrong, or with nothing."""
    source = Path(mlp_impls.__path__[0], f"{framework}_scratch.py").read_text()
    edits = MUTATIONS[framework][wrong] if wrong else {}
    return edited(source, {PIECES[framework][piece]: new for piece, new in edits.items()})


def edited(source: str, edits: Mapping[str, str]) -> str:
    """Return the source with pieces exchanged, each of which must occur in it once."""
    for old, new in edits.items():
        assert source.count(old) == 1, f"occurs {source.count(old)} times, not once: {old!r}"
        source = source.replace(old, new)
    return source
