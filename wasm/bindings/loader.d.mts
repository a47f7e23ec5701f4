/** How to load: `await load({threads: false})`. */
export interface LoadOptions {
  /**
   * Forces the module with threads, or the one without. By default threads
   * where the page is cross-origin isolated.
   */
  threads?: boolean;
  /** What -1 stands for in n_jobs. Default: navigator.hardwareConcurrency. */
  cpuCount?: number;
}

export interface Progress {
  done: number;
  /** -1: not known. */
  total: number;
}

export interface Warning {
  /** Python's name: "UserWarning". */
  category: string;
  message: string;
}

type Param = boolean | number | string | Param[] | {[name: string]: Param};

/**
 * joblib's options of parallel_config by their names (null: Python's None),
 * and three of the page's.
 */
export interface CallOptions {
  backend?: string | null;
  n_jobs?: number | null;
  verbose?: number | null;
  temp_folder?: string | null;
  max_nbytes?: number | string | null;
  mmap_mode?: 'r' | 'r+' | 'w+' | 'c' | null;
  prefer?: 'processes' | 'threads' | null;
  require?: 'sharedmem' | null;
  inner_max_num_threads?: number | null;
  backend_params?: {[name: string]: Param} | null;
  /** At most once a frame with the latest count, and always with the last. */
  onProgress?: (progress: Progress) => void;
  /** Default: console.warn. */
  onWarning?: (warning: Warning) => void;
  /** Aborts the call, which then rejects with the signal's reason. */
  signal?: AbortSignal;
}

export interface Module {
  /** Whether calls run on threads. */
  readonly threads: boolean;
  /** What joblib::cpu_count() says: 1 without threads. */
  readonly cpuCount: number;
  /** The size of the module's memory as of its last answer. */
  readonly memoryBytes: number;
  /**
   * Calls an exported C++ function: with one argument as it is, with several
   * as an array. Calls run one after the other. Rejects with an Error whose
   * name is the C++ exception's type.
   */
  call<Result = unknown>(
      name: string, args?: unknown, options?: CallOptions): Promise<Result>;
  /** Ends the module at once; open calls reject. */
  close(): void;
}

/** Rejects with words if the page or its server do not allow the module. */
export default function load(options?: LoadOptions): Promise<Module>;
