/**
 * The one door to YAML: version 1.2, core schema, one document, UTF-8. What the format allows and a playbook must not
 * use (merge keys, custom tags, aliases without end, keys that reach into prototypes) ends here, as located diagnostics.
 */
import { Composer, isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Document, Node, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import { explainSyntax } from './yaml-syntax.js';
import { readTokens } from './yaml-tokens.js';
import type { Checked, Diagnostic } from './diagnostic.js';
import type { ErrorCode } from './catalog/index.js';
import { locatedDocument, placesIn } from './located.js';
import type { LocatedDocument, Spot } from './located.js';
import { FORBIDDEN_KEYS, YAML_LIMITS } from './yaml-limits.js';
import type { YamlLimits } from './yaml-limits.js';
import { decodeUtf8 } from './utf8-text.js';

/** Problems of one text that are worth reporting; what follows a broken line is mostly noise. */
const MOST_PROBLEMS = 100;

/** Reads a YAML text. Never throws; there is a value only when nothing was wrong. */
export function parseYaml(
  bytes: Uint8Array | string,
  file: string,
  limits: YamlLimits = YAML_LIMITS,
): Checked<LocatedDocument> {
  const text = typeof bytes === 'string' ? withoutMark(bytes) : decodeUtf8(bytes, file, limits.bytes);
  if (typeof text !== 'string') return { diagnostics: [text] };
  const reader = new Reader(text, file, limits);
  try {
    const result = reader.read();
    if (reader.problems.length === 0 && result !== undefined) {
      return { value: locatedDocument(file, text, result.value, result.spot), diagnostics: [] };
    }
  } catch (thrown) {
    // Nesting is bounded before anything recurses over it; this is the net below that.
    if (!(thrown instanceof RangeError)) throw thrown;
    reader.report('playbook.too-large', 'the text is nested too deeply to be read', 0);
  }
  return { diagnostics: reader.problems };
}

function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

interface Built {
  readonly value: unknown;
  readonly spot: Spot;
}

/** One reading of one text: composes the document and turns its nodes into plain data with places. */
class Reader {
  readonly problems: Diagnostic[] = [];
  readonly #text: string;
  readonly #limits: YamlLimits;
  readonly #place: ReturnType<typeof placesIn>;
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  #nodes = 0;
  #aliases = 0;
  #gaveUp = false;

  constructor(text: string, file: string, limits: YamlLimits) {
    this.#text = text;
    this.#limits = limits;
    this.#place = placesIn(file, text);
  }

  report(code: ErrorCode, message: string, start: number, end?: number, hint?: string): void {
    if (this.problems.length >= MOST_PROBLEMS) return;
    this.problems.push({
      code,
      severity: 'error',
      message,
      ...(hint === undefined ? {} : { hint }),
      location: this.#place(start, end),
    });
  }

  read(): Built | undefined {
    const document = this.#compose();
    if (document === undefined || this.problems.length > 0) return undefined;
    const { contents } = document;
    if (contents === null) {
      this.report('playbook.empty', 'the file is empty', 0);
      return undefined;
    }
    return this.#build(contents, 0, -1, -1);
  }

  #compose(): Document | undefined {
    const tokens = readTokens(this.#text, this.#limits.depth);
    if (typeof tokens === 'number') {
      return this.#giveUp(`the text is nested over ${this.#limits.depth} levels`, tokens);
    }
    const composer = new Composer({
      version: '1.2',
      schema: 'core',
      merge: false,
      // The parser compares every key with every other; a set of our own does it in one pass.
      uniqueKeys: false,
      stringKeys: true,
      // Without it the core schema would read !!binary, !!set and !!omap into objects that are not plain data.
      resolveKnownTags: false,
      keepSourceTokens: false,
      logLevel: 'silent',
    });
    let first: Document | undefined;
    for (const document of composer.compose(tokens, true, this.#text.length)) {
      if (first !== undefined) {
        const at = document.range[0];
        this.report('playbook.several-documents', 'the file holds more than one document', at, at + 3);
        break;
      }
      first = document;
      this.#reportParser(document);
      if (document.directives.yaml.explicit === true && document.directives.yaml.version !== '1.2') {
        const version = document.directives.yaml.version;
        this.report('playbook.yaml-syntax', `YAML ${version} is not supported; remove the %YAML line`, 0);
      }
    }
    return first;
  }

  #reportParser(document: Document.Parsed): void {
    for (const { code, message, hint, start, end } of explainSyntax(this.#text, document, MOST_PROBLEMS)) {
      this.report(code, message, start, end, hint);
    }
  }

  #build(node: Node, depth: number, keyStart: number, keyEnd: number): Built | undefined {
    if (this.#gaveUp) return undefined;
    const [start, end] = node.range ?? [0, 0, 0];
    this.#nodes += 1;
    if (this.#nodes > this.#limits.nodes) return this.#giveUp(`the text has over ${this.#limits.nodes} nodes`, start);
    if (depth > this.#limits.depth) return this.#giveUp(`the text is nested over ${this.#limits.depth} levels`, start);
    if (isAlias(node)) return this.#follow(node.source, depth, start, end, keyStart, keyEnd);
    if ('anchor' in node && typeof node.anchor === 'string') this.#anchors.set(node.anchor, node);
    this.#open.add(node);
    try {
      if (isMap(node)) return this.#buildMap(node, depth, start, end, keyStart, keyEnd);
      if (isSeq(node)) return this.#buildList(node, depth, start, end, keyStart, keyEnd);
      if (isScalar(node)) return this.#buildScalar(node, start, end, keyStart, keyEnd);
      return undefined;
    } finally {
      this.#open.delete(node);
    }
  }

  #giveUp(message: string, at: number): undefined {
    this.#gaveUp = true;
    this.report('playbook.too-large', message, at);
    return undefined;
  }

  #buildScalar(node: Scalar, start: number, end: number, keyStart: number, keyEnd: number): Built {
    const { value } = node;
    const plain = node.type === 'PLAIN';
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      const hint = 'quote it when it is not meant as a number';
      this.report('playbook.out-of-range', 'this number is too large to be exact', start, end, hint);
    }
    return { value, spot: { keyStart, keyEnd, start, end, plain, children: undefined } };
  }

  #buildList(node: YAMLSeq, depth: number, start: number, end: number, keyStart: number, keyEnd: number): Built {
    const value: unknown[] = [];
    const children: Spot[] = [];
    for (const item of node.items) {
      const built = this.#build(item as Node, depth + 1, -1, -1);
      if (built === undefined) continue;
      value.push(built.value);
      children.push(built.spot);
    }
    return { value, spot: { keyStart, keyEnd, start, end, plain: false, children } };
  }

  #buildMap(node: YAMLMap, depth: number, start: number, end: number, keyStart: number, keyEnd: number): Built {
    const value: Record<string, unknown> = {};
    const children = new Map<string, Spot>();
    for (const pair of node.items) {
      const keyNode = pair.key as Scalar;
      const [from, to] = keyNode.range ?? [start, start, start];
      const key = String(keyNode.value);
      if (FORBIDDEN_KEYS.has(key)) {
        this.report('playbook.forbidden-key', `the key "${key}" is not allowed anywhere`, from, to);
        continue;
      }
      const earlier = children.get(key);
      if (earlier !== undefined) {
        const first = this.#place(earlier.keyStart, earlier.keyEnd);
        this.report('playbook.duplicate-key', `the key "${key}" was given in line ${first.line} already`, from, to);
        continue;
      }
      const built =
        pair.value === null
          ? { value: null, spot: { keyStart: from, keyEnd: to, start: to, end: to, plain: true, children: undefined } }
          : this.#build(pair.value as Node, depth + 1, from, to);
      if (built === undefined) continue;
      value[key] = built.value;
      children.set(key, built.spot);
    }
    return { value, spot: { keyStart, keyEnd, start, end, plain: false, children } };
  }

  /** Expands an alias by reading its anchor's node again, so that no two places share data. */
  #follow(
    name: string,
    depth: number,
    start: number,
    end: number,
    keyStart: number,
    keyEnd: number,
  ): Built | undefined {
    const target = this.#anchors.get(name);
    if (target === undefined || this.#open.has(target)) {
      const why = target === undefined ? 'has no anchor before it' : 'refers to the value it stands in';
      this.report('playbook.yaml-syntax', `the alias *${name} ${why}`, start, end);
      return undefined;
    }
    this.#aliases += 1;
    if (this.#aliases > this.#limits.aliases) {
      return this.#giveUp(`the text expands over ${this.#limits.aliases} aliases`, start);
    }
    const built = this.#build(target, depth, keyStart, keyEnd);
    return built === undefined ? undefined : { value: built.value, spot: { ...built.spot, keyStart, keyEnd } };
  }
}
