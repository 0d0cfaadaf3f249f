// A dashboard in JSON, by the types that Grafana publishes. What they leave open is closed here: which panels there are, with
// their options, and whose queries they ask.
import type { Dashboard as Model, Panel as AnyPanel, TableFieldOptions } from '@grafana/schema';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as StateTimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type { Options as TableOptions } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
// The newest releases have the type of its queries in a package of their own, with all of its editor.
import type { PrometheusDataQuery } from 'grafana-schema-10/dist/esm/raw/composable/prometheus/dataquery/x/PrometheusDataQuery_types.gen';

/** In JSON, a member of an enumeration of texts stands as its text. */
type Json<T> = unknown extends T ? T : T extends string ? `${T}` : T extends object ? { [Key in keyof T]: Json<T[Key]> } : T;

type Fields = NonNullable<AnyPanel['fieldConfig']>;
type Common = Omit<Fields['defaults'], 'custom'>;
type Override = Omit<Fields['overrides'][number], 'properties'> & {
    properties: Array<{ [Key in keyof Common]-?: { id: Key; value: NonNullable<Common[Key]> } }[keyof Common]>;
};

/** What is left out of the outermost options, Grafana takes from the panel's defaults. */
type PanelOf<Type extends string, Options, Custom> = Omit<AnyPanel, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
    type: Type;
    options: Partial<Options>;
    fieldConfig: { defaults: Common & { custom: Partial<Custom> }; overrides: Override[] };
    targets: PrometheusDataQuery[];
};

type Panel =
    | PanelOf<'stat', StatOptions, Record<string, never>>
    | PanelOf<'state-timeline', StateTimeline.Options, StateTimeline.FieldConfig>
    | PanelOf<'table', TableOptions, TableFieldOptions>
    | PanelOf<'timeseries', TimeSeries.Options, TimeSeries.FieldConfig>;

export type Dashboard = Json<Omit<Model, 'panels'> & { panels: Panel[] }>;
